/** Thumbs under an answer, with a reason if the reader likes to give one; the last vote counts. */

import { ApiFailure, json } from "../core/api.js";
import { element, fill, iconButton } from "../core/element.js";

/** @typedef {import("./conversation.js").Turn} Turn */
/** @typedef {import("./conversation.js").Vote} Vote */

const REASONS = {
  up: ["Accurate", "Complete", "Well sourced"],
  down: ["Wrong", "Incomplete", "Not in the sources", "Off topic"],
};

/** The two buttons, and the form that appears once a vote is there. */
export class FeedbackView {
  #turn;
  #traceId;
  #saveVote;
  #up = iconButton("thumb-up", "Good answer", { class: "icon-button vote", onclick: () => this.#vote("up") });
  #down = iconButton("thumb-down", "Bad answer", { class: "icon-button vote", onclick: () => this.#vote("down") });
  #sending = false;
  #said = element("span", { class: "quiet vote-said", role: "status" });

  /**
   * @param {Turn} turn
   * @param {string} traceId
   * @param {(turn: Turn, vote: Vote) => void} saveVote
   */
  constructor(turn, traceId, saveVote) {
    this.#turn = turn;
    this.#traceId = traceId;
    this.#saveVote = saveVote;
    this.buttons = element(
      "div",
      { class: "votes", role: "group", "aria-label": "Rate this answer" },
      this.#up,
      this.#down,
    );
    this.form = element("div", { class: "reason", hidden: true });
    this.#draw();
  }

  #draw() {
    const value = this.#turn.vote?.value;
    this.#up.setAttribute("aria-pressed", String(value === "up"));
    this.#down.setAttribute("aria-pressed", String(value === "down"));
    this.buttons.append(this.#said);
  }

  /** @param {"up" | "down"} value */
  async #vote(value) {
    if (this.#turn.vote?.value === value) {
      this.#toggleForm(value);
      return;
    }
    if (await this.#send({ value, rationale: "" })) this.#openForm(value);
  }

  /**
   * The buttons show the vote at once and take it back if it could not be kept.
   *
   * @param {Vote} vote
   */
  async #send(vote) {
    if (this.#sending) return false;
    const before = this.#turn.vote;
    this.#turn.vote = vote;
    this.#draw();
    this.#busy(true);
    try {
      const body = {
        trace_id: this.#traceId,
        value: vote.value,
        ...(vote.rationale ? { rationale: vote.rationale } : {}),
      };
      await json("v1/feedback", { method: "POST", json: body });
      this.#saveVote(this.#turn, vote);
      fill(this.#said, "Thank you");
      return true;
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      this.#turn.vote = before;
      this.#draw();
      fill(this.#said, `Not saved: ${error.message}`);
      return false;
    } finally {
      this.#busy(false);
    }
  }

  #busy(/** @type {boolean} */ busy) {
    this.#sending = busy;
    this.#up.setAttribute("aria-disabled", String(busy));
    this.#down.setAttribute("aria-disabled", String(busy));
  }

  #toggleForm(/** @type {"up" | "down"} */ value) {
    if (this.form.hidden) this.#openForm(value);
    else this.#closeForm();
  }

  #closeForm() {
    this.form.hidden = true;
    fill(this.form);
  }

  #openForm(/** @type {"up" | "down"} */ value) {
    const id = `reason-${this.#turn.id}`;
    const given = this.#turn.vote?.rationale ?? "";
    const text = /** @type {HTMLInputElement} */ (
      element("input", { id, type: "text", maxlength: "2000", autocomplete: "off", dir: "auto", value: given })
    );
    const chips = REASONS[value].map((reason) => {
      const choose = () => {
        text.value = text.value ? `${text.value}; ${reason.toLowerCase()}` : reason;
        text.focus();
      };
      return element("button", { type: "button", class: "chip", onclick: choose }, reason);
    });
    const send = element("button", { type: "submit", class: "button primary small" }, "Send");
    const close = iconButton("close", "Close without a reason", { onclick: () => this.#dismiss(value) });
    const label = value === "up" ? "What was good? (optional)" : "What was wrong? (optional)";
    const form = element(
      "form",
      { class: "reason-form" },
      element("label", { for: id }, label),
      element("div", { class: "chips" }, ...chips),
      element("div", { class: "reason-line" }, text, send, close),
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const rationale = text.value.trim();
      if (rationale === given || (await this.#send({ value, rationale }))) this.#dismiss(value);
    });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.#dismiss(value);
    });
    fill(this.form, form);
    this.form.hidden = false;
    text.focus({ preventScroll: false });
  }

  #dismiss(/** @type {"up" | "down"} */ value) {
    this.#closeForm();
    (value === "up" ? this.#up : this.#down).focus();
  }
}
