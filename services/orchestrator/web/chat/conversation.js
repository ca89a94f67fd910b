/** The conversation of this tab: its questions, their answers, and how far each has come. */

import { ApiFailure } from "../core/api.js";
import { complete } from "./completion.js";

const SAVED = "fairlead.conversation";
// A conversation deeper than this asks the model with its latest turns only.
const TURNS_SENT = 10;

/**
 * @typedef {import("./completion.js").Facts} Facts
 * @typedef {{value: "up" | "down", rationale: string}} Vote
 * @typedef {object} Turn
 * @property {string} id
 * @property {string} question
 * @property {"waiting" | "streaming" | "done" | "stopped" | "failed"} state
 * @property {string} text
 * @property {Facts | null} facts
 * @property {{message: string, status: number, retryAfterS: number | null, requestId: string | null} | null} failure
 * @property {number | null} tookMs
 * @property {Vote | null} vote
 */

/**
 * Events: `turn` (detail: the turn) whenever one is added or changes, `cleared` when all are gone, `idle` when an
 * answer has ended in whatever way.
 */
export class Conversation extends EventTarget {
  /** @type {Turn[]} */
  turns = [];
  /** @type {AbortController | null} */
  #asking = null;

  get busy() {
    return this.#asking !== null;
  }

  /**
   * Ask a question after all that was said, and follow its answer to the end.
   *
   * @param {string} question
   * @param {{model: string | null, storeIds: string[] | null}} scope
   */
  async ask(question, scope) {
    if (this.busy) return;
    const turn = newTurn(question);
    this.turns.push(turn);
    await this.#answer(turn, scope);
  }

  /**
   * Ask again what failed or was stopped; only the last turn can be, since later ones build on it.
   *
   * @param {Turn} turn
   * @param {{model: string | null, storeIds: string[] | null}} scope
   */
  async retry(turn, scope) {
    if (this.busy || turn !== this.turns.at(-1)) return;
    Object.assign(turn, newTurn(turn.question), { id: turn.id });
    await this.#answer(turn, scope);
  }

  /** End the answer that is being written; what came so far stays. */
  stop() {
    this.#asking?.abort();
  }

  clear() {
    this.stop();
    this.turns = [];
    this.save();
    this.dispatchEvent(new Event("cleared"));
  }

  /**
   * @param {Turn} turn
   * @param {Vote | null} vote
   */
  vote(turn, vote) {
    turn.vote = vote;
    this.save();
  }

  /**
   * @param {Turn} turn
   * @param {{model: string | null, storeIds: string[] | null}} scope
   */
  async #answer(turn, scope) {
    const asking = new AbortController();
    this.#asking = asking;
    const began = performance.now();
    this.save();
    this.#changed(turn);
    try {
      turn.facts = await complete({ ...scope, messages: this.#messages(turn) }, asking.signal, (piece) => {
        turn.state = "streaming";
        turn.text += piece;
        this.#changed(turn);
      });
      turn.state = "done";
    } catch (error) {
      turn.state = asking.signal.aborted ? "stopped" : "failed";
      if (turn.state === "failed") turn.failure = described(error);
    }
    turn.tookMs = performance.now() - began;
    if (this.#asking === asking) this.#asking = null;
    if (!this.turns.includes(turn)) return;
    this.save();
    this.#changed(turn);
    this.dispatchEvent(new Event("idle"));
  }

  /** What the model hears: the latest whole turns, then the question. */
  #messages(/** @type {Turn} */ turn) {
    const whole = this.turns.filter((earlier) => earlier !== turn && earlier.state === "done" && earlier.text !== "");
    const said = whole.slice(-TURNS_SENT).flatMap((earlier) => [
      { role: "user", content: earlier.question },
      { role: "assistant", content: earlier.text },
    ]);
    return [...said, { role: "user", content: turn.question }];
  }

  #changed(/** @type {Turn} */ turn) {
    this.dispatchEvent(new CustomEvent("turn", { detail: turn }));
  }

  /** Keep the conversation over a reload of this tab, and only of this tab. */
  save() {
    try {
      sessionStorage.setItem(SAVED, JSON.stringify(this.turns));
    } catch {
      // Larger than the browser's quota: this conversation then ends with a reload, as it would without saving.
      sessionStorage.removeItem(SAVED);
    }
  }

  /** Take up the conversation from before a reload; an answer that was being written then counts as stopped. */
  restore() {
    const saved = sessionStorage.getItem(SAVED);
    if (saved === null) return;
    try {
      const turns = JSON.parse(saved);
      if (Array.isArray(turns)) this.turns = turns;
    } catch {
      sessionStorage.removeItem(SAVED);
    }
    for (const turn of this.turns) {
      if (turn.state === "waiting" || turn.state === "streaming") turn.state = "stopped";
      this.#changed(turn);
    }
  }
}

/**
 * @param {string} question
 * @returns {Turn}
 */
function newTurn(question) {
  const id = crypto.randomUUID?.() ?? String(performance.now());
  return { id, question, state: "waiting", text: "", facts: null, failure: null, tookMs: null, vote: null };
}

/** @param {unknown} error */
function described(error) {
  if (error instanceof ApiFailure) {
    const { message, status, retryAfterS, requestId } = error;
    return { message, status, retryAfterS, requestId };
  }
  console.error(error);
  return { message: "Something went wrong in this page.", status: 0, retryAfterS: null, requestId: null };
}
