/** Tells when a part of the platform is not well, or the connection is gone. */

import { address } from "../core/api.js";
import { byId, element, fill, icon } from "../core/element.js";

const EVERY_MS = 30_000;
const EVERY_MS_IN_TROUBLE = 5_000;
const DEADLINE_MS = 10_000;

/** What a part's absence means to the person who asks; keys are the names in `/healthz`. @type {Record<string, string>} */
const MEANING = {
  "llm-proxy": "Answers cannot be written at the moment; questions still find passages.",
  postgres: "The knowledge base cannot be reached at the moment.",
};

/** @typedef {{state: "ok" | "degraded" | "down" | "unreachable" | "offline", words: string[]}} Health */

/** Polls `/healthz` while the page is in sight. Event: `back` when the platform can be reached again. */
export class HealthWatch extends EventTarget {
  #banner = byId("banner");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #state = "ok";

  start() {
    addEventListener("online", () => this.check());
    addEventListener("offline", () => this.#show({ state: "offline", words: [] }));
    document.addEventListener("visibilitychange", () => document.hidden || this.check());
    return this.check();
  }

  /** Ask now; also after something failed, so that the banner explains it. */
  async check() {
    clearTimeout(this.#timer);
    const health = navigator.onLine ? await asked() : /** @type {Health} */ ({ state: "offline", words: [] });
    this.#show(health);
    const pause = health.state === "ok" ? EVERY_MS : EVERY_MS_IN_TROUBLE;
    this.#timer = setTimeout(() => (document.hidden ? undefined : this.check()), pause);
  }

  #show(/** @type {Health} */ health) {
    const away = this.#state === "offline" || this.#state === "unreachable";
    const back = away && health.state !== "offline" && health.state !== "unreachable";
    if (health.state === "ok") fill(this.#banner);
    else if (health.state !== this.#state || this.#banner.textContent !== sentence(health)) {
      const tone = health.state === "degraded" ? "warn" : "bad";
      fill(
        this.#banner,
        element("div", { class: `notice ${tone}` }, icon("warning"), element("p", {}, sentence(health))),
      );
    }
    this.#state = health.state;
    if (back) this.dispatchEvent(new Event("back"));
  }
}

function sentence(/** @type {Health} */ health) {
  if (health.state === "offline")
    return "You are offline. Your conversation stays here; you can go on once you are back.";
  if (health.state === "unreachable") return "The server cannot be reached. Trying again…";
  if (health.words.length > 0) return health.words.join(" ");
  return health.state === "down" ? "The service cannot answer at the moment." : "A part of the platform is not well.";
}

/** @returns {Promise<Health>} */
async function asked() {
  try {
    const response = await fetch(address("healthz"), { signal: AbortSignal.timeout(DEADLINE_MS) });
    const report = await response.json(); // a 503 carries the same report
    const parts = Array.isArray(report.degraded) ? report.degraded : [];
    const words = parts.map((/** @type {string} */ part) => MEANING[part] ?? `“${part}” is not working at the moment.`);
    return {
      state: report.state === "ok" ? "ok" : report.state === "down" ? "down" : "degraded",
      words: [...new Set(words)],
    };
  } catch {
    return { state: "unreachable", words: [] }; // no answer, or one that is not ours
  }
}
