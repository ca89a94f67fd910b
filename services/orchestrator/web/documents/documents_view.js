/** The side of the page about knowledge: which knowledge base is asked, its documents, and how new ones get in. */

import { ApiFailure } from "../core/api.js";
import { confirmed } from "../core/confirm.js";
import { byId, element, fill, icon, iconButton } from "../core/element.js";
import { announce } from "../core/announce.js";
import { knowledgeChoice } from "./knowledge_choice.js";
import { documentName, kind } from "./document_name.js";
import { uploadRow } from "./upload_row.js";

/** @typedef {import("./document_list.js").Document} Document */
/** @typedef {import("./uploads.js").Upload} Upload */

// A short list needs no search box.
const FILTER_FROM = 8;

/** Draws the documents side; the parts it is given hold the state. */
export class DocumentsView {
  #row;
  #knowledge;
  #list;
  #uploads;
  #choice = byId("choice");
  #count = byId("document-count");
  #rows = byId("documents");
  #uploadRows = byId("uploads");
  #note = byId("documents-note");
  #more = byId("more-documents");
  #filter = /** @type {HTMLInputElement} */ (byId("filter"));
  #picker = /** @type {HTMLInputElement} */ (byId("picker"));
  /** @type {Map<Upload, ReturnType<typeof uploadRow>>} */
  #drawn = new Map();

  /**
   * @param {import("./knowledge.js").Knowledge} knowledge
   * @param {import("./document_list.js").DocumentList} list
   * @param {import("./uploads.js").Uploads} uploads
   * @param {(one: Document, remove: () => void) => HTMLElement} [row] draws a document; `remove` asks before it deletes
   */
  constructor(knowledge, list, uploads, row = documentRow) {
    this.#row = row;
    this.#knowledge = knowledge;
    this.#list = list;
    this.#uploads = uploads;
    knowledge.addEventListener("change", () => this.#knowledgeChanged());
    list.addEventListener("change", () => {
      this.#dismissListed();
      this.#drawDocuments();
    });
    uploads.addEventListener("change", (event) =>
      this.#uploadChanged(/** @type {CustomEvent<Upload>} */ (event).detail),
    );
    uploads.addEventListener("settled", (event) => this.#settled(/** @type {CustomEvent<Upload>} */ (event).detail));
    this.#more.addEventListener("click", () => list.more());
    this.#filter.addEventListener("input", () => this.#filterChanged());
    byId("add").addEventListener("click", () => this.#picker.click());
    this.#picker.addEventListener("change", () => {
      this.add([...(this.#picker.files ?? [])]);
      this.#picker.value = ""; // choosing the same file again must be a change too
    });
  }

  /** Upload these into the chosen knowledge base; without any, a first one is made. */
  async add(/** @type {File[]} */ files) {
    if (files.length === 0) return;
    try {
      const store = this.#knowledge.store ?? (await this.#knowledge.create("default"));
      const left = this.#uploads.add(files, store.id);
      this.#say(left > 0 ? `${left} files were left out; add them in a second step.` : "");
      announce(files.length === 1 ? `Uploading ${files[0].name}.` : `Uploading ${files.length} files.`);
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      this.#say(error.message);
    }
  }

  #knowledgeChanged() {
    fill(this.#choice, knowledgeChoice(this.#knowledge));
    this.#list.choose(this.#knowledge.store?.id ?? null);
    this.#drawDocuments();
  }

  #drawDocuments() {
    const uploading = new Set(this.#uploads.active.map((upload) => upload.fileId));
    const words = this.#filter.value.trim().toLowerCase();
    const documents = this.#list.documents.filter((one) => !uploading.has(one.id));
    const shown = documents.filter((one) => one.name.toLowerCase().includes(words));
    const total = Math.max(this.#knowledge.store?.counts.total ?? 0, documents.length);
    fill(this.#count, total > 0 && String(total));
    this.#drawRows(shown);
    byId("filter-line").hidden = total < FILTER_FROM;
    this.#more.hidden = !this.#list.hasMore || words !== "";
    this.#rows.setAttribute("aria-busy", String(this.#list.loading && documents.length === 0));
    byId("no-documents").hidden =
      total > 0 || this.#list.loading || this.#uploads.all.length > 0 || !this.#knowledge.loaded;
    if (this.#list.failure) this.#say(`The documents cannot be listed: ${this.#list.failure.message}`);
    else if (words !== "" && shown.length === 0) this.#say("No document has such a name.");
    else this.#say("");
  }

  /** A search looks at every document, so the rest of a long list is fetched for it. */
  async #filterChanged() {
    this.#drawDocuments();
    while (this.#filter.value.trim() !== "" && this.#list.hasMore && !this.#list.loading && !this.#list.failure) {
      await this.#list.more();
    }
  }

  /** Draw the rows; the one that has the focus keeps it, on the same button. */
  #drawRows(/** @type {Document[]} */ shown) {
    const focused = document.activeElement;
    const label = this.#rows.contains(focused) ? focused?.getAttribute("aria-label") : null;
    fill(this.#rows, ...shown.map((one) => this.#row(one, () => this.#remove(one))));
    if (label) [...this.#rows.querySelectorAll("button")].find((one) => one.getAttribute("aria-label") === label)?.focus();
  }

  /** @param {Document} one */
  async #remove(one) {
    const sure = await confirmed({
      title: "Delete this document?",
      text: `“${one.name}” will no longer be used for answers. This cannot be undone.`,
      action: "Delete",
    });
    if (!sure) return;
    try {
      await this.#list.remove(
        one,
        this.#knowledge.stores.map((store) => store.id),
      );
      announce(`${one.name} was deleted.`);
      byId("add").focus(); // the row that had the focus is gone
      if (this.#knowledge.store) await this.#knowledge.refresh(this.#knowledge.store.id);
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      this.#say(`“${one.name}” could not be deleted: ${error.message}`);
    }
  }

  /** @param {Upload} upload */
  #uploadChanged(upload) {
    if (!this.#uploads.all.includes(upload)) {
      this.#drawn.get(upload)?.node.remove();
      this.#drawn.delete(upload);
    } else {
      let row = this.#drawn.get(upload);
      if (!row) {
        row = uploadRow(upload, this.#uploads);
        this.#drawn.set(upload, row);
        this.#uploadRows.append(row.node);
      }
      row.update();
    }
    byId("no-documents").hidden ||= this.#uploads.all.length > 0;
  }

  /** @param {Upload} upload */
  async #settled(upload) {
    const failed = upload.state === "failed";
    announce(
      failed ? `${upload.file.name} failed: ${upload.reason}` : `${upload.file.name} is ready to be asked about.`,
    );
    try {
      await this.#knowledge.refresh(upload.storeId);
      await this.#list.reload();
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      this.#say(error.message);
    }
  }

  /** An upload whose document stands in the list has no need of a row of its own. */
  #dismissListed() {
    const listed = new Set(this.#list.documents.map((one) => one.id));
    for (const upload of this.#uploads.all) {
      const settled = upload.state === "done" || upload.state === "failed";
      if (settled && upload.fileId !== null && listed.has(upload.fileId)) this.#uploads.dismiss(upload);
    }
  }

  #say(/** @type {string} */ text) {
    this.#note.hidden = text === "";
    fill(this.#note, text);
  }
}

/**
 * A document in the list beside the conversation: its name, and what is wrong with it.
 *
 * @param {Document} one
 * @param {() => void} remove
 */
function documentRow(one, remove) {
  const button = iconButton("delete", `Delete ${one.name}`, { onclick: remove, class: "icon-button quiet" });
  const about =
    one.status === "failed"
      ? element("p", { class: "document-reason" }, icon("warning"), one.reason ?? "It failed")
      : null;
  const reading = one.status === "in_progress" && element("p", { class: "document-state" }, "Being read…");
  const text = element("div", { class: "document-text" }, documentName(one.name), about, reading);
  return element("li", { class: "document", "data-status": one.status }, kind(one.name), text, button);
}
