/** How the name and the kind of a document are shown. */

import { element } from "../core/element.js";

/**
 * The name, whole on hover and wrapped anywhere; its end stays in sight because files often differ only there.
 *
 * @param {string} name
 */
export function documentName(name) {
  return element("p", { class: "document-name", dir: "auto", title: name }, name);
}

/**
 * The file's kind as a small badge, by its ending.
 *
 * @param {string} name
 */
export function kind(name) {
  const ending = /\.([a-z0-9]{1,4})$/i.exec(name)?.[1]?.toLowerCase() ?? "";
  return element("span", { class: "kind", "data-kind": ending, "aria-hidden": "true" }, ending || "file");
}
