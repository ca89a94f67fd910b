/** Shows the passage behind a citation: beside the conversation where there is room, as a sheet where there is not. */

import { copyButton } from "../core/clipboard.js";
import { byId, element, fill, iconButton } from "../core/element.js";
import { locate, reflowed } from "./quote.js";

/** @typedef {import("./completion.js").Citation} Citation */

// Below this width the panel would squeeze the conversation; the style sheet changes its layout at the same width.
const BESIDE = matchMedia("(min-width: 68rem)");

/** The one panel of the page. */
export class PassagePanel {
  #dialog = /** @type {HTMLDialogElement} */ (byId("passage"));
  /** @type {Citation[]} */
  #citations = [];
  #at = 0;
  /** @type {HTMLElement | null} */
  #opener = null;

  constructor() {
    this.#dialog.addEventListener("close", () => this.#closed());
    this.#dialog.addEventListener("keydown", (event) => this.#key(event));
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog && this.#dialog.matches(":modal")) this.close(); // the backdrop
    });
    BESIDE.addEventListener("change", () => {
      if (!this.#dialog.open) return;
      const opener = this.#opener; // closing forgets it
      this.#dialog.close();
      this.#opener = opener;
      this.#show();
    });
  }

  /**
   * @param {Citation[]} citations of one answer
   * @param {number} index the mark that was chosen
   * @param {HTMLElement} opener gets the focus back
   */
  open(citations, index, opener) {
    this.#citations = citations;
    this.#at = Math.max(
      0,
      citations.findIndex((citation) => citation.index === index),
    );
    this.#markOpener(opener);
    this.#draw();
    if (!this.#dialog.open) this.#show();
    byId("passage-title").focus({ preventScroll: true });
  }

  close() {
    if (this.#dialog.open) this.#dialog.close();
  }

  #show() {
    document.body.classList.add("with-passage");
    if (BESIDE.matches) this.#dialog.show();
    else this.#dialog.showModal();
  }

  #closed() {
    document.body.classList.remove("with-passage");
    const opener = this.#opener;
    this.#markOpener(null);
    if (opener?.isConnected) opener.focus({ preventScroll: true });
  }

  #markOpener(/** @type {HTMLElement | null} */ opener) {
    this.#opener?.classList.remove("shown");
    this.#opener = opener;
    opener?.classList.add("shown");
  }

  #key(/** @type {KeyboardEvent} */ event) {
    // A modal dialog closes on Escape by itself; one beside the conversation does not.
    if (event.key === "Escape" && !this.#dialog.matches(":modal")) this.close();
    if (event.key === "ArrowRight" && event.altKey) this.#step(1);
    if (event.key === "ArrowLeft" && event.altKey) this.#step(-1);
  }

  #step(/** @type {number} */ by) {
    const at = this.#at + by;
    if (at < 0 || at >= this.#citations.length) return;
    this.#at = at;
    this.#draw();
    byId("passage-title").focus({ preventScroll: true });
  }

  #draw() {
    const citation = this.#citations[this.#at];
    const count = this.#citations.length;
    const title = element(
      "h2",
      { id: "passage-title", tabindex: "-1", dir: "auto" },
      citation.title || citation.filename,
    );
    const previous = iconButton("back", "Previous source", { onclick: () => this.#step(-1) });
    const next = iconButton("forward", "Next source", { onclick: () => this.#step(1) });
    previous.toggleAttribute("disabled", this.#at === 0);
    next.toggleAttribute("disabled", this.#at === count - 1);
    const close = iconButton("close", "Close source", { onclick: () => this.close() });
    const place = element("p", { class: "passage-count" }, `Source ${citation.index}`, count > 1 && ` of ${count}`);
    const steps = element("div", { class: "passage-steps" }, count > 1 && previous, count > 1 && next, close);
    const head = element("div", { class: "passage-head" }, place, steps);
    const body = element("div", { class: "passage-body", tabindex: "0", role: "group", "aria-label": "Passage" });
    fill(body, ...passage(citation));
    const copy = copyButton("Copy quotation", () => citation.quote);
    const foot = copy && element("div", { class: "passage-foot" }, copy, element("span", {}, "Copy quotation"));
    fill(this.#dialog, head, title, facts(citation), body, foot);
    body.querySelector("mark")?.scrollIntoView({ block: "center" });
  }
}

/** @param {Citation} citation */
function facts(citation) {
  const list = element("ul", { class: "passage-facts" });
  if (citation.title && citation.title !== citation.filename) {
    list.append(element("li", { class: "file-name", dir: "auto" }, citation.filename));
  }
  if (citation.page) list.append(element("li", {}, `Page ${citation.page}`));
  if (typeof citation.score === "number") {
    const percent = Math.round(Math.min(1, Math.max(0, citation.score)) * 100);
    const bar = element("span", {});
    bar.style.inlineSize = `${percent}%`;
    list.append(
      element("li", { class: "relevance" }, `Relevance ${percent} %`, element("span", { class: "bar" }, bar)),
    );
  }
  return list;
}

/**
 * The passage with the quotation marked in it; the quotation alone above it where it cannot be found.
 *
 * @param {Citation} citation
 */
function passage(citation) {
  const text = reflowed(citation.text || citation.quote);
  const place = locate(citation.quote, text);
  if (!place) {
    return [
      element("blockquote", { dir: "auto" }, element("mark", {}, citation.quote)),
      element("p", { dir: "auto" }, text),
    ];
  }
  const marked = element("mark", {}, text.slice(place.start, place.end));
  return [element("p", { dir: "auto" }, text.slice(0, place.start), marked, text.slice(place.end))];
}
