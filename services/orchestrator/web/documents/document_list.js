/** The documents of the chosen knowledge base, newest first, kept fresh while some of them are being read. */

import { ApiFailure, json, listPage, request } from "../core/api.js";

const PAGE = 50;
const FRESHEN_MS = 2000;
// Names are asked for a few at a time where the list does not carry them.
const NAMES_AT_ONCE = 4;
// Beyond this many knowledge bases a removed document keeps its bytes, rather than all of them being searched for it.
const STORES_SEARCHED = 20;

/**
 * @typedef {object} Document
 * @property {string} id
 * @property {string} name
 * @property {"in_progress" | "completed" | "failed" | "cancelled"} status
 * @property {string | null} reason why it failed
 * @property {number} bytes what it takes in the index
 * @property {number | null} size of the file itself
 * @property {number | null} chunks
 * @property {string | null} title
 * @property {string | null} source kind of the source that it came from; null for an upload
 * @property {string | null} path its path or address there
 * @property {Record<string, any>} facts what its reading found out: language, pages, author, removed…
 */

/** Event: `change` whenever the list, its loading or its failure changes. */
export class DocumentList extends EventTarget {
  /** @type {Document[]} */
  documents = [];
  /** @type {ApiFailure | null} */
  failure = null;
  loading = false;
  hasMore = false;
  /** @type {string | null} */
  #storeId = null;
  /** @type {Document["status"] | null} */
  #status = null;
  /** @type {Map<string, string>} */
  #names = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #loads = 0;

  /** Show another knowledge base, or none. */
  async choose(/** @type {string | null} */ storeId) {
    if (storeId === this.#storeId) return;
    this.#storeId = storeId;
    this.documents = [];
    this.hasMore = false;
    await this.reload();
  }

  /** The knowledge base that is shown. */
  get storeId() {
    return this.#storeId;
  }

  /** Show only documents with this status, or all. */
  async filter(/** @type {Document["status"] | null} */ status) {
    this.#status = status;
    this.documents = [];
    await this.reload();
  }

  /** Have a document read again that failed or was cancelled. Throws ApiFailure. */
  async retry(/** @type {Document} */ document) {
    if (this.#storeId === null) return;
    const place = attached(this.#storeId, document.id);
    const attach = () =>
      json(place.slice(0, place.lastIndexOf("/")), { method: "POST", json: { file_id: document.id } });
    try {
      // What was cancelled has not failed: it is attached anew.
      await (document.status === "failed" ? json(`${place}/retry`, { method: "POST" }) : attach());
    } catch (error) {
      if (!(error instanceof ApiFailure) || ![404, 405, 501].includes(error.status)) throw error;
      await attach(); // an older API has no such path
    }
    await this.reload();
  }

  /** Read again what is shown, from the top. */
  async reload() {
    await this.#read(Math.max(PAGE, this.documents.length), null);
  }

  async more() {
    if (this.hasMore && !this.loading) await this.#read(PAGE, this.documents.at(-1)?.id ?? null);
  }

  /**
   * Take a document out of the knowledge base, and delete it when no other one uses it. Throws ApiFailure.
   *
   * @param {Document} document
   * @param {string[]} allStoreIds
   */
  async remove(document, allStoreIds) {
    const storeId = this.#storeId;
    if (storeId === null) return;
    await gone(attached(storeId, document.id));
    this.documents = this.documents.filter((one) => one.id !== document.id);
    this.#changed();
    const others = allStoreIds.filter((id) => id !== storeId);
    if (others.length > STORES_SEARCHED) return;
    const uses = await Promise.all(others.map((id) => exists(attached(id, document.id))));
    if (!uses.includes(true)) await gone(`v1/files/${encodeURIComponent(document.id)}`);
  }

  /**
   * @param {number} count
   * @param {string | null} after
   */
  async #read(count, after) {
    clearTimeout(this.#timer);
    this.#loads += 1;
    const load = this.#loads;
    const storeId = this.#storeId;
    if (storeId === null) return this.#changed();
    this.loading = true;
    this.#changed();
    try {
      const path = `v1/vector_stores/${encodeURIComponent(storeId)}/files`;
      const page = await listPage(path, { after, limit: Math.min(100, count), filter: this.#status });
      const read = await this.#named(page.data);
      if (load !== this.#loads) return; // a later load has overtaken this one
      this.documents = after === null ? read : [...this.documents, ...read];
      this.hasMore = page.has_more;
      this.failure = null;
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      if (load === this.#loads) this.failure = error;
    } finally {
      if (load === this.#loads) {
        this.loading = false;
        this.#changed();
        if (this.documents.some((one) => one.status === "in_progress")) this.#freshenSoon();
      }
    }
  }

  #freshenSoon() {
    this.#timer = setTimeout(() => (document.hidden ? this.#freshenSoon() : this.reload()), FRESHEN_MS);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** @param {any[]} records */
  async #named(records) {
    const nameless = records.filter((record) => !record.fairlead?.filename && !this.#names.has(record.id));
    for (let at = 0; at < nameless.length; at += NAMES_AT_ONCE) {
      await Promise.all(nameless.slice(at, at + NAMES_AT_ONCE).map((record) => this.#learnName(record.id)));
    }
    return records.map(
      (record) =>
        /** @type {Document} */ ({
          id: record.id,
          name: record.fairlead?.filename ?? this.#names.get(record.id) ?? record.id,
          status: record.status,
          reason: record.last_error?.message ?? null,
          bytes: record.usage_bytes ?? 0,
          size: record.fairlead?.bytes ?? null,
          chunks: record.fairlead?.chunks ?? null,
          title: record.fairlead?.title ?? null,
          source: record.fairlead?.source ?? null,
          path: record.fairlead?.source_path ?? null,
          facts: record.fairlead?.document ?? {},
        }),
    );
  }

  async #learnName(/** @type {string} */ id) {
    try {
      this.#names.set(id, (await json(`v1/files/${encodeURIComponent(id)}`)).filename);
    } catch (error) {
      if (!(error instanceof ApiFailure) || error.status === 401) throw error;
      this.#names.set(id, id); // deleted meanwhile: the id is all there is to show
    }
  }
}

/**
 * @param {string} storeId
 * @param {string} fileId
 */
function attached(storeId, fileId) {
  return `v1/vector_stores/${encodeURIComponent(storeId)}/files/${encodeURIComponent(fileId)}`;
}

/** Delete it; that it is not there is what was wanted. */
async function gone(/** @type {string} */ path) {
  try {
    await request(path, { method: "DELETE" });
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.status !== 404) throw error;
  }
}

async function exists(/** @type {string} */ path) {
  try {
    await request(path);
    return true;
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 404) return false;
    throw error;
  }
}
