/** The list of sources under an answer; each opens its passage. */

import { element, fill, icon } from "../core/element.js";

/** @typedef {import("./completion.js").Citation} Citation */

const SHOWN_FIRST = 4;

/**
 * @param {Citation[]} citations
 * @param {(index: number, opener: HTMLElement) => void} open
 */
export function sourceList(citations, open) {
  const list = element("ol", {});
  const more = element("button", { type: "button", class: "text-button" });
  const show = (/** @type {Citation[]} */ shown) => fill(list, ...shown.map((citation) => source(citation, open)));
  more.addEventListener("click", () => {
    const expanded = more.getAttribute("aria-expanded") === "true";
    show(expanded ? citations.slice(0, SHOWN_FIRST) : citations);
    offer(!expanded);
  });
  const offer = (/** @type {boolean} */ expanded) => {
    more.setAttribute("aria-expanded", String(expanded));
    fill(more, expanded ? "Show fewer sources" : `Show all ${citations.length} sources`, icon("chevron"));
  };
  show(citations.slice(0, SHOWN_FIRST));
  offer(false);
  const heading = element("h3", {}, "Sources");
  return element("section", { class: "sources" }, heading, list, citations.length > SHOWN_FIRST && more);
}

/**
 * @param {Citation} citation
 * @param {(index: number, opener: HTMLElement) => void} open
 */
function source(citation, open) {
  const name = citation.title || citation.filename;
  const button = element(
    "button",
    { type: "button", class: "source" },
    element("span", { class: "source-number" }, citation.index),
    element(
      "span",
      { class: "source-body" },
      element(
        "span",
        { class: "source-head" },
        element("span", { class: "source-name", dir: "auto" }, name),
        citation.page ? element("span", { class: "source-page" }, `page ${citation.page}`) : null,
      ),
      element("span", { class: "source-quote", dir: "auto" }, citation.quote),
    ),
  );
  button.addEventListener("click", () => open(citation.index, button));
  return element("li", {}, button);
}
