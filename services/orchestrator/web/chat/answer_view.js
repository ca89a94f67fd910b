/** One turn on the page: the question, its answer while it comes and when it is there, and what can be done with it. */

import { copyButton } from "../core/clipboard.js";
import { element, fill, icon, iconButton } from "../core/element.js";
import { MarkdownView } from "../core/markdown_view.js";
import { factsLine } from "./answer_facts.js";
import { degradedNotices } from "./degraded.js";
import { FeedbackView } from "./feedback.js";
import { sourceList } from "./sources.js";

/**
 * @typedef {import("./conversation.js").Turn} Turn
 * @typedef {import("./completion.js").Citation} Citation
 * @typedef {object} Actions
 * @property {(citations: Citation[], index: number, opener: HTMLElement) => void} openPassage
 * @property {(turn: Turn) => void} retry
 * @property {(turn: Turn, vote: import("./conversation.js").Vote) => void} saveVote
 * @property {() => string | null} traceUrlTemplate
 */

// Silence longer than this gets a word, so that a slow model does not look like a dead page.
const SLOW_MS = 8000;

/** The article of one turn; `update` draws its present state. */
export class AnswerView {
  #turn;
  #actions;
  #prose = element("div", { class: "prose" });
  #progress = element("p", { class: "progress" }, element("span", { class: "pulse", "aria-hidden": "true" }));
  #progressText = element("span", {}, "Searching the documents…");
  #before = element("div", { class: "notices" });
  #after = element("div", { class: "after-answer" });
  #answer = element("div", { class: "answer" }, this.#before, this.#prose, this.#progress, this.#after);
  #markdown = new MarkdownView(this.#prose, (index) => this.#mark(index));
  /** @type {string | null} */
  #drawnState = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #slow;

  /**
   * @param {Turn} turn
   * @param {Actions} actions
   */
  constructor(turn, actions) {
    this.#turn = turn;
    this.#actions = actions;
    this.#progress.append(this.#progressText);
    const heading = `question-${turn.id}`;
    this.node = element(
      "article",
      { class: "turn", "aria-labelledby": heading },
      element("h2", { class: "question", id: heading, dir: "auto" }, turn.question),
      this.#answer,
    );
  }

  update() {
    const turn = this.#turn;
    const changed = turn.state !== this.#drawnState;
    this.#drawnState = turn.state;
    const under = turn.state === "waiting" || turn.state === "streaming";
    if (changed) {
      this.node.dataset.state = turn.state;
      this.#answer.setAttribute("aria-busy", String(under));
      this.#progress.hidden = turn.state !== "waiting";
      this.#watchSlowness(turn.state === "waiting");
    }
    if (changed && !under) {
      this.#markdown.redraw(turn.text);
      fill(this.#before, ...degradedNotices(turn.facts?.degraded ?? []));
      this.#finish();
    } else {
      if (changed) fill(this.#before);
      if (changed) fill(this.#after);
      this.#markdown.update(turn.text);
    }
  }

  /** The whole answer as one announcement. */
  spoken() {
    const sources = this.#turn.facts?.citations.length ?? 0;
    if (this.#turn.state === "failed") return `No answer: ${this.#turn.failure?.message}`;
    if (this.#turn.state === "stopped") return "The answer was stopped.";
    const notices = this.#before.textContent ? `${this.#before.textContent} ` : "";
    const found = sources === 1 ? "1 source." : `${sources} sources.`;
    return `${notices}Answer: ${this.#prose.textContent} ${found}`;
  }

  #finish() {
    const { state, text, facts, failure } = this.#turn;
    const parts = [];
    if (state === "failed") parts.push(this.#failure(failure?.message ?? "The answer failed.", failure?.retryAfterS));
    if (state === "stopped") parts.push(this.#stopped(text !== ""));
    if (state === "done" && text === "")
      parts.push(element("p", { class: "quiet" }, "The model sent an empty answer."));
    if (facts && facts.citations.length > 0) parts.push(sourceList(facts.citations, this.#open));
    if (state === "done") parts.push(this.#tools());
    fill(this.#after, ...parts);
  }

  #tools() {
    const { facts, text } = this.#turn;
    const tools = element("div", { class: "tools" });
    const feedback = facts?.traceId ? new FeedbackView(this.#turn, facts.traceId, this.#actions.saveVote) : null;
    if (feedback) tools.append(feedback.buttons);
    const copy = copyButton("Copy answer", () => text);
    if (copy) tools.append(copy);
    tools.append(factsLine(this.#turn, this.#actions.traceUrlTemplate()));
    if (feedback) tools.append(feedback.form);
    return tools;
  }

  /**
   * @param {string} message
   * @param {number | null} [retryAfterS]
   */
  #failure(message, retryAfterS) {
    const wait = retryAfterS ? ` Try again in ${Math.ceil(retryAfterS)} s.` : "";
    const again = element("button", {
      type: "button",
      class: "button",
      onclick: () => this.#actions.retry(this.#turn),
    });
    again.append(icon("retry"), "Ask again");
    const words = element("p", {}, element("strong", {}, this.#turn.text ? "The answer broke off. " : "There is no answer. "), message, wait);
    return element("div", { class: "notice bad" }, icon("warning"), element("div", {}, words, again));
  }

  /** @param {boolean} partly */
  #stopped(partly) {
    const again = iconButton("retry", "Ask again", { onclick: () => this.#actions.retry(this.#turn) });
    const words = partly ? "You stopped this answer; what came so far is above." : "You stopped this question.";
    return element("p", { class: "stopped quiet" }, words, again);
  }

  /**
   * `[1]` in the text: a button once its passage is known, before that only a sign.
   *
   * @param {number} index
   */
  #mark(index) {
    const citations = this.#turn.facts?.citations;
    if (!citations) return element("span", { class: "mark" }, String(index));
    const citation = citations.find((one) => one.index === index);
    if (!citation) return document.createTextNode(`[${index}]`);
    const where = [citation.title || citation.filename, citation.page ? `page ${citation.page}` : ""];
    const label = `Source ${index}: ${where.filter(Boolean).join(", ")}`;
    const button = element(
      "button",
      { type: "button", class: "mark", "aria-label": label, title: label },
      String(index),
    );
    button.addEventListener("click", () => this.#open(index, button));
    return button;
  }

  #open = (/** @type {number} */ index, /** @type {HTMLElement} */ opener) => {
    this.#actions.openPassage(this.#turn.facts?.citations ?? [], index, opener);
  };

  /** @param {boolean} waiting */
  #watchSlowness(waiting) {
    clearTimeout(this.#slow);
    fill(this.#progressText, "Searching the documents…");
    if (!waiting) return;
    this.#slow = setTimeout(() => fill(this.#progressText, "Still working; this takes longer than usual…"), SLOW_MS);
  }
}
