/** Says what kinds of document can be read, as the API lists them. */

import { byId } from "../core/element.js";

/** @param {{label: string, suffixes: string[]}[]} kinds */
export function sayKinds(kinds) {
  if (kinds.length === 0) return;
  const labels = kinds.map((kind) => kind.label);
  const words = new Intl.ListFormat("en", { type: "conjunction" }).format(labels);
  byId("kinds").textContent = `${words} can be read.`;
  byId("picker").setAttribute("accept", kinds.flatMap((kind) => kind.suffixes).join(","));
}
