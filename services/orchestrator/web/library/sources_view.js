/** The configured sources and how each stands; nothing where the API knows of none. */

import { ApiFailure, json } from "../core/api.js";
import { byId, element, fill, icon } from "../core/element.js";
import { ago, counted } from "./words.js";

const FRESHEN_MS = 10_000;

/** @type {Record<string, string>} */
const STATES = { ok: "In step", running: "Looking…", waiting: "Waiting", failed: "Failed" };
/** What happened to documents at the last look, by its name in the API. @type {Record<string, string>} */
const CHANGES = { new: "new", changed: "changed", deleted: "removed", unchanged: "unchanged", skipped: "skipped" };
// Names of unreadable documents that are shown; their number is always told.
const NAMED = 3;

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
  const state = source.state;
  const last = ago(source.last_success_at);
  const counts = Object.entries(source.counts ?? {}).filter(([name, count]) => name in CHANGES && count > 0);
  const { todo = 0, total = 0, eta_s: etaS = null } = source.documents ?? {};
  const rest = etaS === null ? "" : `, about ${counted(Math.max(1, Math.ceil(etaS / 60)), "minute")} left`;
  const facts = [
    element("span", { class: "state", "data-status": state }, STATES[state] ?? state),
    element("span", {}, last ? `last in step ${last}` : "not in step yet"),
    todo > 0 && element("span", {}, `${total - todo} of ${counted(total, "document")} read${rest}`),
    ...counts.map(([name, count]) => element("span", {}, `${count} ${CHANGES[name]}`)),
    element("span", { dir: "auto" }, `into ${source.store}`),
  ];
  const warn = (/** @type {string} */ text) => element("p", { class: "document-reason" }, icon("warning"), text);
  const text = element(
    "div",
    { class: "document-text" },
    element("p", { class: "file-title", dir: "auto" }, source.label === source.name ? source.path : source.label),
    element("p", { class: "file-facts" }, ...facts),
    source.error && warn(source.error),
    leftOut(source) && warn(leftOut(source)),
  );
  const badge = element("span", { class: "kind", "aria-hidden": "true" }, source.kind);
  return element("li", { class: "document file", "data-status": state }, badge, text);
}

/**
 * How many documents are left out, why, and the first of them by name; empty when none is.
 *
 * @param {any} source
 */
function leftOut(source) {
  const reasons = /** @type {[string, number][]} */ (Object.entries(source.failures ?? {}));
  const count = reasons.reduce((sum, [, one]) => sum + one, 0);
  if (count === 0) return "";
  const why = reasons.map(([reason, one]) => `${reason.replaceAll("_", " ")}: ${one}`).join(", ");
  const names = (source.unreadable ?? []).map((/** @type {any} */ one) => one.path).slice(0, NAMED);
  return `${counted(count, "document")} left out (${why})${names.length > 0 ? `, such as ${names.join(", ")}` : ""}`;
}
