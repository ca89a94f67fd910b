/** The configured sources and how each stands; nothing where the API knows of none. */

import { ApiFailure, json } from "../core/api.js";
import { byId, element, fill, icon } from "../core/element.js";
import { ago, counted } from "./words.js";

const FRESHEN_MS = 10_000;

/** @type {Record<string, string>} */
const STATES = { ok: "In step", running: "Looking…", waiting: "Waiting", failed: "Failed" };
/** What happened to documents at the last look, by its name in the API. @type {Record<string, string>} */
const CHANGES = { added: "added", updated: "updated", changed: "changed", removed: "removed", unchanged: "unchanged" };

/** Reads `/v1/sources` again while it is in sight. */
export class SourcesView {
  #card = byId("sources-card");
  #rows = byId("sources");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** Throws ApiFailure when something else is wrong than that there are no sources. */
  async load() {
    clearTimeout(this.#timer);
    try {
      const { data } = await json("v1/sources");
      this.#card.hidden = data.length === 0;
      fill(this.#rows, ...data.map(row));
      if (data.length > 0) this.#timer = setTimeout(() => this.#freshen(), FRESHEN_MS);
    } catch (error) {
      // 404 and 501: this API has no sources; 403: they are not for this person.
      if (!(error instanceof ApiFailure) || ![403, 404, 405, 501].includes(error.status)) throw error;
      this.#card.hidden = true;
    }
  }

  async #freshen() {
    try {
      if (!document.hidden) return await this.load();
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error; // the banner tells of a server that is away
    }
    this.#timer = setTimeout(() => this.#freshen(), FRESHEN_MS);
  }
}

/** @param {any} source */
function row(source) {
  const state = source.state ?? source.status ?? "waiting";
  const last = ago(source.last_success_at ?? source.succeeded_at);
  const counts = Object.entries(source.counts ?? {})
    .filter(([name, count]) => name in CHANGES && typeof count === "number" && count > 0)
    .map(([name, count]) => `${count} ${CHANGES[name]}`);
  const todo = source.progress?.todo ?? source.todo ?? 0;
  const done = source.progress?.done ?? source.done ?? 0;
  const failures = Object.entries(source.failures ?? {}).map(([reason, count]) => `${reasonWords(reason)}: ${count}`);
  const facts = [
    element("span", { class: "state", "data-status": state }, STATES[state] ?? state),
    element("span", {}, last ? `last in step ${last}` : "not in step yet"),
    state === "running" && todo > 0 && element("span", {}, `${done} of ${todo} done`),
    ...counts.map((count) => element("span", {}, count)),
    source.store && element("span", { dir: "auto" }, `into ${source.store}`),
  ];
  const error = source.error?.message ?? source.error ?? null;
  const warn = (/** @type {string} */ text) => element("p", { class: "document-reason" }, icon("warning"), text);
  const text = element(
    "div",
    { class: "document-text" },
    element("p", { class: "file-title", dir: "auto" }, source.label || source.name),
    element("p", { class: "file-facts" }, ...facts),
    typeof error === "string" && error !== "" && warn(error),
    failures.length > 0 && warn(`${counted(total(source.failures), "document")} left out (${failures.join(", ")})`),
  );
  const badge = element("span", { class: "kind", "aria-hidden": "true" }, source.kind ?? "source");
  return element("li", { class: "document file", "data-status": state }, badge, text);
}

/** @param {Record<string, number>} counts */
function total(counts) {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** `unsupported_file` → `unsupported file`. */
function reasonWords(/** @type {string} */ reason) {
  return reason.replaceAll("_", " ");
}
