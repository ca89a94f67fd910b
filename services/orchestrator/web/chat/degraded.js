/** Says in plain words which steps of an answer did not run. */

import { element, icon } from "../core/element.js";

/** @type {Record<string, string>} */
const WORDS = {
  rewrite: "The question was searched as you wrote it; rewriting it was not possible.",
  route: "The knowledge base was not chosen for this question; the default one was searched.",
  embed: "Search by meaning is unavailable; these results come from keywords only.",
  retrieve: "Part of the search was unavailable; passages may be missing.",
  rerank: "The passages could not be put into their best order.",
  generate: "Answer generation is unavailable; these are the passages found.",
  stand_in: "The language model cannot be reached at the moment; a simpler one answered in its place.",
  ground: "The answer could not be checked against its sources.",
};

/**
 * One notice for all the steps that were left out.
 *
 * @param {string[]} steps
 */
export function degradedNotices(steps) {
  if (steps.length === 0) return [];
  const lines = steps.map((step) => element("p", {}, WORDS[step] ?? `The step “${step}” was left out.`));
  return [element("div", { class: "notice warn" }, icon("warning"), element("div", {}, ...lines))];
}
