/** What can be asked: the applications, the knowledge bases (vector stores), and which of them this page asks. */

import { json, listPage } from "../core/api.js";

const CHOSEN_APPLICATION = "fairlead.application";
const CHOSEN_STORE = "fairlead.store";

/**
 * @typedef {object} Application
 * @property {string} id
 * @property {string} name
 * @property {string} description
 * @property {string[]} stores names of what it asks by default; empty when the API does not say
 * @property {string[]} questions examples that it is known for
 *
 * @typedef {{in_progress: number, completed: number, failed: number, total: number}} FileCounts
 * @typedef {{id: string, name: string, counts: FileCounts}} Store
 */

/** Event: `change` whenever what is known or chosen changes. */
export class Knowledge extends EventTarget {
  /** @type {Application[]} */
  applications = [];
  /** @type {Store[]} */
  stores = [];
  loaded = false;

  /** Read both lists from the API. Throws ApiFailure. */
  async load() {
    const [models, stores] = await Promise.all([json("v1/models"), listPage("v1/vector_stores")]);
    this.applications = models.data.map(application);
    this.stores = stores.data.map(store);
    this.loaded = true;
    this.dispatchEvent(new Event("change"));
  }

  /** Read the counts of one knowledge base again, after its documents changed. Throws ApiFailure. */
  async refresh(/** @type {string} */ storeId) {
    const fresh = store(await json(`v1/vector_stores/${encodeURIComponent(storeId)}`));
    this.stores = this.stores.map((known) => (known.id === storeId ? fresh : known));
    this.dispatchEvent(new Event("change"));
  }

  /** Make a first knowledge base, where there is none to put documents into. Throws ApiFailure. */
  async create(/** @type {string} */ name) {
    const created = store(await json("v1/vector_stores", { method: "POST", json: { name } }));
    this.stores = [created, ...this.stores];
    this.chooseStore(created.id);
    return created;
  }

  /** The application that is asked; the first one is the default. */
  get application() {
    const chosen = sessionStorage.getItem(CHOSEN_APPLICATION);
    return this.applications.find((one) => one.id === chosen) ?? this.applications[0] ?? null;
  }

  /** The knowledge base that is asked and whose documents are listed. */
  get store() {
    const chosen = sessionStorage.getItem(CHOSEN_STORE);
    return this.stores.find((one) => one.id === chosen) ?? this.#own[0] ?? this.stores[0] ?? null;
  }

  /** Whether the application's several knowledge bases are asked together, as it does by default. */
  get asksAll() {
    return sessionStorage.getItem(CHOSEN_STORE) === null && this.#own.length > 1;
  }

  /** The knowledge bases that the application asks by default. */
  get #own() {
    return this.stores.filter((one) => this.application?.stores.includes(one.name));
  }

  /** Whether there is more than one that the application asks. */
  get ownsSeveral() {
    return this.#own.length > 1;
  }

  /** What a question carries: the application, and the knowledge base unless the application asks its own. */
  get scope() {
    const byDefault = this.asksAll || !this.store || (this.#own.length === 1 && this.#own[0] === this.store);
    return { model: this.application?.id ?? null, storeIds: byDefault || !this.store ? null : [this.store.id] };
  }

  chooseApplication(/** @type {string} */ id) {
    sessionStorage.setItem(CHOSEN_APPLICATION, id);
    sessionStorage.removeItem(CHOSEN_STORE);
    this.dispatchEvent(new Event("change"));
  }

  /** @param {string | null} id null: all that the application asks */
  chooseStore(id) {
    if (id === null) sessionStorage.removeItem(CHOSEN_STORE);
    else sessionStorage.setItem(CHOSEN_STORE, id);
    this.dispatchEvent(new Event("change"));
  }
}

/** @returns {Application} */
function application(/** @type {any} */ model) {
  const own = model.fairlead ?? {};
  return {
    id: model.id,
    name: own.name ?? model.id,
    description: own.description ?? "",
    stores: own.stores ?? [],
    questions: own.questions ?? [],
  };
}

/** @returns {Store} */
function store(/** @type {any} */ record) {
  const { in_progress = 0, completed = 0, failed = 0, total = 0 } = record.file_counts ?? {};
  return { id: record.id, name: record.name || record.id, counts: { in_progress, completed, failed, total } };
}
