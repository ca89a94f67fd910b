/** What stands in the empty conversation: whom one asks, and questions to begin with. */

import { byId, element, fill, icon } from "../core/element.js";

const EXAMPLES = 4;

/**
 * @param {import("../documents/knowledge.js").Knowledge} knowledge
 * @param {import("../documents/document_list.js").Document[]} documents
 * @param {(question: string) => void} ask
 */
export function drawWelcome(knowledge, documents, ask) {
  const { application, store, asksAll, loaded } = knowledge;
  const questions = (application?.exampleQuestions ?? []).slice(0, EXAMPLES);
  const items = questions.map((question) => {
    const button = element("button", { type: "button", class: "example", onclick: () => ask(question) });
    button.append(element("span", { dir: "auto" }, question), icon("forward"));
    return element("li", {}, button);
  });
  const empty = loaded && documents.length === 0 && (store?.counts.total ?? 0) === 0 && !asksAll;
  const count = store?.counts.total ?? 0;
  const about = asksAll ? application?.name : store?.name;
  fill(
    byId("welcome"),
    about &&
      element(
        "p",
        { class: "asked" },
        icon("documents"),
        element("span", { dir: "auto" }, about),
        size(asksAll ? 0 : count),
      ),
    element("h2", {}, empty ? "Add your first documents" : "What would you like to know?"),
    element("p", { dir: "auto" }, empty ? EMPTY : hint(application?.description ?? "", documents.length)),
    items.length > 0 && !empty && element("ul", { class: "examples", "aria-label": "Example questions" }, ...items),
  );
}

/** @param {number} documents */
function size(documents) {
  return (
    documents > 0 && element("span", { class: "quiet" }, documents === 1 ? "1 document" : `${documents} documents`)
  );
}

const EMPTY = "Drop files anywhere on this page. As soon as they are read you can ask about them.";

/**
 * @param {string} description
 * @param {number} documents
 */
function hint(description, documents) {
  if (description) return description;
  if (documents === 0) return "Answers quote your documents, so that you can check every sentence.";
  return "Answers quote your documents; every mark leads to the passage it stands on.";
}
