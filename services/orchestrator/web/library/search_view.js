/** The search box of the documents page: what a question finds, and how each way of looking saw it. */

import { ApiFailure, json } from "../core/api.js";
import { announce } from "../core/announce.js";
import { byId, element, fill } from "../core/element.js";
import { kind } from "../documents/document_name.js";
import { parts } from "./matches.js";
import { place } from "./words.js";

const WANTED = 10;

/** Searches the chosen knowledge base; a later search overtakes an earlier one. */
export class SearchView {
  #knowledge;
  #viewer;
  #query = /** @type {HTMLInputElement} */ (byId("query"));
  #submit = /** @type {HTMLButtonElement} */ (byId("search-submit"));
  #hits = byId("hits");
  #note = byId("search-note");
  /** @type {string | null} */
  #storeId = null;
  #searches = 0;

  /**
   * @param {import("../documents/knowledge.js").Knowledge} knowledge
   * @param {import("./chunk_viewer.js").ChunkViewer} viewer
   */
  constructor(knowledge, viewer) {
    this.#knowledge = knowledge;
    this.#viewer = viewer;
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#search();
    });
  }

  /** What was found belongs to the knowledge base that was asked. */
  knowledgeChanged() {
    const storeId = this.#knowledge.store?.id ?? null;
    this.#submit.disabled = storeId === null;
    if (storeId === this.#storeId) return;
    this.#storeId = storeId;
    this.#searches += 1;
    fill(this.#hits);
    this.#say("");
  }

  async #search() {
    const query = this.#query.value.trim();
    const storeId = this.#storeId;
    if (query === "" || storeId === null) return this.#query.focus();
    this.#searches += 1;
    const search = this.#searches;
    this.#say("Searching…");
    try {
      const path = `v1/vector_stores/${encodeURIComponent(storeId)}/search`;
      const found = await json(path, { method: "POST", json: { query, max_num_results: WANTED, fairlead: { explain: true } } });
      if (search !== this.#searches) return;
      this.#show(storeId, found);
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      if (search !== this.#searches) return;
      fill(this.#hits);
      this.#say(`The search did not work: ${error.message}`);
    }
  }

  /**
   * @param {string} storeId
   * @param {any} found
   */
  #show(storeId, found) {
    const own = found.fairlead ?? {};
    fill(this.#hits, ...found.data.map((/** @type {any} */ hit) => this.#hit(storeId, hit)));
    const count = found.data.length;
    const words = count === 0 ? "No passage was found." : `${count} ${count === 1 ? "passage" : "passages"}`;
    const how = [words, typeof own.search_ms === "number" && `${Math.round(own.search_ms)} ms`, asked(own.legs)];
    const without = (own.degraded ?? []).length > 0 && `without: ${own.degraded.join(", ")}`;
    this.#say([...how, without].filter(Boolean).join(" · "));
    announce(words);
  }

  /**
   * @param {string} storeId
   * @param {any} hit
   */
  #hit(storeId, hit) {
    const own = hit.fairlead ?? {};
    const text = hit.content.map((/** @type {any} */ part) => part.text).join("\n").replace(/\n{2,}/g, "\n");
    /** @type {string[]} */
    const matched = own.matched ?? [];
    const percent = Math.round(Math.min(1, Math.max(0, hit.score)) * 100);
    const file = { id: hit.file_id, name: hit.filename };
    const open = (/** @type {Event} */ event) =>
      this.#viewer.open(storeId, file, /** @type {HTMLElement} */ (event.currentTarget), own.chunk_id);
    const label = `Open ${hit.filename} at this passage`;
    const head = element(
      "p",
      { class: "hit-head" },
      kind(hit.filename),
      element("button", { type: "button", class: "link", dir: "auto", onclick: open, "aria-label": label }, hit.filename),
      element("span", { class: "score" }, `${percent} %`),
    );
    const where = [(own.headings ?? []).join(" › "), place(own, hit.filename)].filter(Boolean).join(" · ");
    const marked = parts(text, matched).map((part) => (part.match ? element("mark", {}, part.text) : part.text));
    return element(
      "li",
      { class: "hit" },
      head,
      where && element("p", { class: "chunk-headings", dir: "auto" }, where),
      element("p", { class: "hit-text", dir: "auto" }, ...marked),
      why(own, matched),
    );
  }

  #say(/** @type {string} */ text) {
    fill(this.#note, text);
  }
}

/** @param {string[] | undefined} legs */
function asked(legs) {
  if (!legs || legs.length === 2) return "by words and by meaning";
  return legs[0] === "keyword" ? "by words only" : legs[0] === "vector" ? "by meaning only" : "";
}

/**
 * Why this passage: what each leg said of it.
 *
 * @param {any} own
 * @param {string[]} matched
 */
function why(own, matched) {
  const list = element("dl", { class: "why" });
  list.append(...leg("Words", own.keyword), ...leg("Meaning", own.vector));
  if (typeof own.rerank?.score === "number") list.append(...leg("Reranker", own.rerank));
  if (matched.length > 0) {
    list.append(pair("Matched", matched.map((term) => element("span", { class: "term" }, term))));
  }
  if (own.phrase) list.append(pair("Phrase", ["word for word"]));
  return list;
}

/**
 * @param {string} name
 * @param {{rank: number | null, score: number} | null | undefined} said
 */
function leg(name, said) {
  if (!said) return [pair(name, ["not asked"])];
  if (!said.rank && said.score <= 0) return [pair(name, ["no match"])];
  const rank = said.rank ? `rank ${said.rank}` : "not among its first";
  return [pair(name, [`${rank}, score ${said.score.toFixed(3)}`])];
}

/**
 * @param {string} name
 * @param {(Node | string)[]} values
 */
function pair(name, values) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, ...values));
}
