/** What stands in the empty conversation: whom one asks, and questions to begin with. */

import { ApiFailure, json } from "../core/api.js";
import { byId, element, fill, icon } from "../core/element.js";

const EXAMPLES = 4;
// Scores are calibrated: below this a passage does not speak of what was asked.
const ANSWERABLE = 0.5;
const QUOTED = "Answers quote your documents; every mark leads to the passage it stands on.";
const EMPTY = "Drop files anywhere on this page. As soon as they are read you can ask about them.";

/** @typedef {import("../documents/knowledge.js").Knowledge} Knowledge */

export class Welcome {
  #knowledge;
  #ask;
  /** @type {string[]} */
  #questions = [];
  /** What the questions were looked up for: they are not looked up again while that stays. */
  #lookedUp = "";

  /**
   * @param {Knowledge} knowledge
   * @param {(question: string) => void} ask
   */
  constructor(knowledge, ask) {
    this.#knowledge = knowledge;
    this.#ask = ask;
    this.#draw();
  }

  /** What can be asked has changed. */
  async update() {
    this.#draw();
    const { application, store } = this.#knowledge;
    const candidates = application?.questions ?? [];
    const subject = JSON.stringify([candidates, store?.id, store?.counts.completed]);
    if (subject === this.#lookedUp) return;
    this.#lookedUp = subject;
    const found = store && store.counts.completed > 0 ? await answerable(candidates, store.id) : [];
    if (subject !== this.#lookedUp) return;
    this.#questions = found.slice(0, EXAMPLES);
    this.#draw();
  }

  #draw() {
    const { application, store, asksAll, loaded } = this.#knowledge;
    const count = store?.counts.total ?? 0;
    const empty = loaded && count === 0 && !asksAll;
    const about = asksAll ? application?.name : store?.name;
    fill(
      byId("welcome"),
      about &&
        element(
          "p",
          { class: "asked" },
          icon("documents"),
          element("span", { dir: "auto" }, about),
          count > 0 &&
            !asksAll &&
            element("span", { class: "quiet" }, count === 1 ? "1 document" : `${count} documents`),
        ),
      element("h2", {}, empty ? "Add your first documents" : "What would you like to know?"),
      element("p", { dir: "auto" }, empty ? EMPTY : application?.description || QUOTED),
      this.#questions.length > 0 && !empty && this.#examples(),
    );
  }

  #examples() {
    const items = this.#questions.map((question) => {
      const button = element("button", { type: "button", class: "example", onclick: () => this.#ask(question) });
      button.append(element("span", { dir: "auto" }, question), icon("forward"));
      return element("li", {}, button);
    });
    return element("ul", { class: "examples", "aria-label": "Example questions" }, ...items);
  }
}

/**
 * Those of the questions that this knowledge base has a passage for: examples are configured for an application, its
 * documents come and go.
 *
 * @param {string[]} questions
 * @param {string} storeId
 */
async function answerable(questions, storeId) {
  const found = await Promise.all(questions.map((question) => scored(question, storeId)));
  return questions.filter((_, at) => found[at] >= ANSWERABLE);
}

/**
 * @param {string} question
 * @param {string} storeId
 * @returns {Promise<number>}
 */
async function scored(question, storeId) {
  const path = `v1/vector_stores/${encodeURIComponent(storeId)}/search`;
  try {
    const { data } = await json(path, { method: "POST", json: { query: question, max_num_results: 1 } });
    return data[0]?.score ?? 0;
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    return 0; // without a search there is nothing to offer; asking will say what is wrong
  }
}
