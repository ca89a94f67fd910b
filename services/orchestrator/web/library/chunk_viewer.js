/** Shows what was read of a file: the passages as they are searched, and what is known of the file as a whole. */

import { ApiFailure, json } from "../core/api.js";
import { byId, element, fill, icon, iconButton } from "../core/element.js";
import { counted, language, pageWord, place, removedWords, size } from "./words.js";

/** @typedef {import("../documents/document_list.js").Document} Document */

// A book has thousands of passages; drawing them all would freeze the page.
const SHOWN_AT_ONCE = 50;
const FACTS = /** @type {[string, string][]} */ ([
  ["author", "Author"],
  ["to", "To"],
  ["date", "Date"],
  ["description", "Description"],
  ["url", "Address"],
  ["not_read", "Attachments not read"],
]);

/** The one viewer of the page. */
export class ChunkViewer {
  #dialog = /** @type {HTMLDialogElement} */ (byId("viewer"));
  /** @type {HTMLElement | null} */
  #opener = null;
  #opened = 0;

  constructor() {
    this.#dialog.addEventListener("close", () => {
      this.#opened += 1; // what is still on its way is not wanted any more
      if (this.#opener?.isConnected) this.#opener.focus({ preventScroll: true });
    });
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close(); // the backdrop
    });
  }

  /**
   * @param {string} storeId
   * @param {Pick<Document, "id" | "name"> & Partial<Document>} file
   * @param {HTMLElement} opener gets the focus back
   * @param {string | null} [chunkId] the passage to go to
   */
  async open(storeId, file, opener, chunkId = null) {
    this.#opener = opener;
    this.#opened += 1;
    const opened = this.#opened;
    const body = element("div", { class: "viewer-body", tabindex: "0", role: "group", "aria-label": "Passages" });
    fill(body, element("p", { class: "quiet" }, "Loading…"));
    const facts = element("div", {});
    fill(this.#dialog, this.#head(file), facts, body);
    if (!this.#dialog.open) this.#dialog.showModal();
    byId("viewer-title").focus();
    const path = `v1/vector_stores/${encodeURIComponent(storeId)}/files/${encodeURIComponent(file.id)}`;
    try {
      const [record, content] = await Promise.all([json(path), json(`${path}/content`)]);
      if (opened !== this.#opened) return;
      fill(facts, fileFacts(record));
      draw(body, content.data, file.name, chunkId);
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      if (opened !== this.#opened) return;
      const words = element("p", {}, `What was read cannot be shown: ${error.message}`);
      fill(body, element("div", { class: "notice bad", role: "alert" }, icon("warning"), words));
    }
  }

  /** @param {Pick<Document, "name">} file */
  #head(file) {
    const close = iconButton("close", "Close", { onclick: () => this.#dialog.close() });
    const title = element("h2", { id: "viewer-title", tabindex: "-1", dir: "auto" }, file.name);
    return element("div", { class: "viewer-head" }, title, close);
  }
}

/** @param {any} record of the file in the store */
function fileFacts(record) {
  const own = record.fairlead ?? {};
  const about = own.document ?? {};
  const short = [
    own.title && own.title !== own.filename && element("li", { dir: "auto" }, own.title),
    typeof own.bytes === "number" && element("li", {}, size(own.bytes)),
    typeof own.chunks === "number" && element("li", {}, counted(own.chunks, "passage")),
    Boolean(about.pages) && element("li", {}, counted(about.pages, pageWord(own.filename ?? ""))),
    about.language && element("li", {}, language(about.language)),
  ];
  const more = FACTS.filter(([name]) => about[name]).flatMap(([name, label]) => [
    element("dt", {}, label),
    element("dd", { dir: "auto" }, about[name]),
  ]);
  const attributes = Object.entries(record.attributes ?? {}).map(([name, value]) => `${name}: ${value}`);
  if (attributes.length > 0) more.push(element("dt", {}, "Attributes"), element("dd", {}, attributes.join(", ")));
  const removed = removedWords(about.removed);
  return element(
    "div",
    { class: "viewer-facts" },
    element("ul", { class: "inline-facts" }, ...short),
    more.length > 0 && element("dl", {}, ...more),
    removed && element("p", { class: "removed" }, `${removed}.`),
  );
}

/**
 * @param {HTMLElement} body
 * @param {any[]} passages
 * @param {string} name of the file
 * @param {string | null} chunkId
 */
function draw(body, passages, name, chunkId) {
  if (passages.length === 0) return fill(body, element("p", { class: "quiet" }, "Nothing was read of this file yet."));
  const wanted = passages.findIndex((one) => one.fairlead?.chunk_id === chunkId);
  const list = element("ol", { class: "chunks" });
  const more = element("button", { type: "button", class: "text-button" }, "Show more passages");
  let shown = 0;
  const show = (/** @type {number} */ until) => {
    list.append(...passages.slice(shown, until).map((one, at) => chunk(one, name, shown + at, shown + at === wanted)));
    shown = Math.min(until, passages.length);
    more.hidden = shown === passages.length;
  };
  more.addEventListener("click", () => {
    const first = shown;
    show(shown + SHOWN_AT_ONCE);
    /** @type {HTMLElement} */ (list.children[first]).focus();
  });
  show(Math.max(SHOWN_AT_ONCE, wanted + 1));
  fill(body, list, more);
  if (wanted >= 0) list.children[wanted].scrollIntoView({ block: "start" });
}

/**
 * @param {any} passage
 * @param {string} name of the file
 * @param {number} at
 * @param {boolean} wanted
 */
function chunk(passage, name, at, wanted) {
  const own = passage.fairlead ?? {};
  const facts = [`Passage ${at + 1}`, place(own, name), typeof own.tokens === "number" && counted(own.tokens, "token")];
  const headings = own.headings ?? [];
  return element(
    "li",
    { class: wanted ? "chunk wanted" : "chunk", tabindex: "-1" },
    element("p", { class: "chunk-facts" }, facts.filter(Boolean).join(" · ")),
    headings.length > 0 && element("p", { class: "chunk-headings", dir: "auto" }, headings.join(" › ")),
    element("p", { class: "chunk-text", dir: "auto" }, passage.text),
  );
}
