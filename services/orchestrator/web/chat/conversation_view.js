/**
 * The column of turns: draws them as they change, keeps the latest in sight, and speaks each answer once, when it is
 * whole. The column is no live region: it would be read word by word.
 */

import { announce } from "../core/announce.js";
import { byId, fill } from "../core/element.js";
import { AnswerView } from "./answer_view.js";

/** @typedef {import("./conversation.js").Turn} Turn */

const NEAR_END_PX = 48;
const ABOVE_QUESTION_PX = 20;

/** Shows one conversation. */
export class ConversationView {
  #actions;
  #scroller = byId("conversation");
  #turns = byId("turns");
  #latest = byId("latest");
  /** @type {Map<string, AnswerView>} */
  #views = new Map();
  /** Turns that changed since the last frame: a fast stream changes one many times between two. @type {Set<Turn>} */
  #stale = new Set();
  /** Turns that were asked since this page was opened: only their ends are news. @type {Set<Turn>} */
  #awaited = new Set();
  /**
   * What the column keeps in sight while it grows: the latest `question` with as much of its answer as fits below, so
   * that a long answer is read from its beginning; the `end`, for a reader who went there; or `nothing`, for one who
   * reads elsewhere.
   *
   * @type {"question" | "end" | "nothing"}
   */
  #follows = "end";
  /** Where this view has scrolled to; any other place is the reader's doing. */
  #ownScroll = 0;

  /**
   * @param {import("./conversation.js").Conversation} conversation
   * @param {import("./answer_view.js").Actions} actions
   */
  constructor(conversation, actions) {
    this.#actions = actions;
    conversation.addEventListener("turn", (event) => this.#change(/** @type {CustomEvent<Turn>} */ (event).detail));
    conversation.addEventListener("cleared", () => this.#clear());
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#latest.addEventListener("click", () => this.#follow("end"));
  }

  #change(/** @type {Turn} */ turn) {
    const isNew = !this.#views.has(turn.id);
    if (isNew) {
      const view = new AnswerView(turn, this.#actions);
      this.#views.set(turn.id, view);
      this.#turns.append(view.node);
      document.body.classList.add("talking");
    }
    if (this.#stale.size === 0) requestAnimationFrame(() => this.#draw());
    this.#stale.add(turn);
    if (turn.state === "waiting") {
      this.#awaited.add(turn);
      this.#follow("question");
      announce("Searching the documents.");
    }
  }

  #draw() {
    for (const turn of this.#stale) {
      const view = this.#views.get(turn.id);
      view?.update();
      const ended = turn.state !== "waiting" && turn.state !== "streaming";
      if (view && ended && this.#awaited.delete(turn)) announce(view.spoken());
    }
    this.#stale.clear();
    this.#keepInSight();
    this.#scrolled();
  }

  #clear() {
    this.#views.clear();
    this.#stale.clear();
    fill(this.#turns);
    document.body.classList.remove("talking");
    this.#follow("end");
    this.#scrolled();
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (Math.abs(scrollTop - this.#ownScroll) > 1) {
      this.#follows = atEnd ? "end" : "nothing";
      this.#ownScroll = scrollTop;
    }
    this.#latest.hidden = atEnd;
  }

  #keepInSight() {
    if (this.#follows === "nothing") return;
    const { scrollHeight, clientHeight } = this.#scroller;
    const end = scrollHeight - clientHeight;
    const question = this.#turns.lastElementChild?.getBoundingClientRect().top ?? 0;
    const top = this.#scroller.scrollTop + question - this.#scroller.getBoundingClientRect().top - ABOVE_QUESTION_PX;
    this.#scroller.scrollTop = Math.max(0, this.#follows === "question" ? Math.min(end, top) : end);
    this.#ownScroll = this.#scroller.scrollTop;
  }

  /** @param {"question" | "end"} what */
  #follow(what) {
    this.#follows = what;
    this.#keepInSight();
  }
}
