/** One file in the list of the documents page: what it is, how it stands, and what can be done about it. */

import { announce } from "../core/announce.js";
import { ApiFailure } from "../core/api.js";
import { element, icon, iconButton } from "../core/element.js";
import { kind } from "../documents/document_name.js";
import { counted, language, pageWord, size } from "./words.js";

/** @typedef {import("../documents/document_list.js").Document} Document */

/** @type {Record<Document["status"], string>} */
const STATES = { completed: "Ready", in_progress: "Being read…", failed: "Failed", cancelled: "Cancelled" };

/** Draws rows; a retry that did not work is told in its row. */
export class FileRows {
  #list;
  #viewer;
  /** @type {Map<string, string>} */
  #problems = new Map();

  /**
   * @param {import("../documents/document_list.js").DocumentList} list
   * @param {import("./chunk_viewer.js").ChunkViewer} viewer
   */
  constructor(list, viewer) {
    this.#list = list;
    this.#viewer = viewer;
  }

  /**
   * @param {Document} one
   * @param {() => void} remove
   */
  row(one, remove) {
    const problem = this.#problems.get(one.id);
    const reason = one.status === "failed" ? (one.reason ?? "It could not be read.") : null;
    const text = element(
      "div",
      { class: "document-text" },
      this.#name(one),
      facts(one),
      reason && element("p", { class: "document-reason" }, icon("warning"), reason),
      problem && element("p", { class: "document-reason" }, icon("warning"), problem),
    );
    const again = one.status === "failed" || one.status === "cancelled";
    const buttons = element(
      "div",
      { class: "file-buttons" },
      again && iconButton("retry", `Read ${one.name} again`, { onclick: () => this.#retry(one) }),
      iconButton("delete", `Delete ${one.name}`, { onclick: remove }),
    );
    return element("li", { class: "document file", "data-status": one.status }, kind(one.name), text, buttons);
  }

  /** The name opens what was read; there is nothing to open before something was. */
  #name(/** @type {Document} */ one) {
    if (one.status !== "completed" || one.chunks === 0) {
      return element("p", { class: "file-title", dir: "auto" }, one.name);
    }
    const open = (/** @type {Event} */ event) =>
      this.#viewer.open(this.#list.storeId ?? "", one, /** @type {HTMLElement} */ (event.currentTarget));
    return element(
      "button",
      { type: "button", class: "file-title link", dir: "auto", onclick: open, "aria-label": `Open ${one.name}` },
      one.name,
    );
  }

  async #retry(/** @type {Document} */ one) {
    try {
      this.#problems.delete(one.id);
      await this.#list.retry(one);
      announce(`${one.name} is read again.`);
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      this.#problems.set(one.id, `It cannot be read again: ${error.message}`);
      await this.#list.reload();
    }
  }
}

/** @param {Document} one */
function facts(one) {
  const { pages, language: spoken } = one.facts;
  const parts = [
    element("span", { class: "state", "data-status": one.status }, STATES[one.status]),
    one.size !== null && element("span", {}, size(one.size)),
    one.status === "completed" && one.chunks !== null && element("span", {}, counted(one.chunks, "passage")),
    Boolean(pages) && element("span", {}, counted(pages, pageWord(one.name))),
    spoken && element("span", {}, language(spoken)),
    one.source && element("span", { dir: "auto" }, from(one)),
  ];
  return element("p", { class: "file-facts" }, ...parts);
}

/** `from a folder`, with the path where it says more than the name. */
function from(/** @type {Document} */ one) {
  return one.path && one.path !== one.name ? `from ${one.source}: ${one.path}` : `from a ${one.source}`;
}
