/** Which of a query's words a text has, by their stems, and where. */

// A stem is the beginning of the word's forms; a short one begins too many other words.
const SHORTEST_STEM = 4;
const WORD = /[\p{L}\p{N}]+(?:[-_./][\p{L}\p{N}]+)*/gu;

/**
 * The terms that occur in a text.
 *
 * @param {string} text
 * @param {string[]} terms as they were looked up: lower case, stemmed
 */
export function matches(text, terms) {
  const found = new Set();
  for (const part of parts(text, terms)) if (part.match) found.add(part.match);
  return terms.filter((term) => found.has(term));
}

/**
 * The text in pieces, those that are forms of a term with it.
 *
 * @param {string} text
 * @param {string[]} terms
 * @returns {{text: string, match?: string}[]}
 */
export function parts(text, terms) {
  /** @type {{text: string, match?: string}[]} */
  const pieces = [];
  let end = 0;
  for (const word of text.matchAll(WORD)) {
    const match = terms.find((term) => isForm(word[0].toLowerCase(), term));
    if (!match) continue;
    if (word.index > end) pieces.push({ text: text.slice(end, word.index) });
    pieces.push({ text: word[0], match });
    end = word.index + word[0].length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

/**
 * @param {string} word
 * @param {string} term
 */
function isForm(word, term) {
  if (word === term) return true;
  // Stemming may change the last letter: `berries` is looked up as `berri`, `berry` too.
  const stem = term.length > SHORTEST_STEM ? term.slice(0, -1) : term;
  return stem.length >= SHORTEST_STEM && word.startsWith(stem) && word.length <= term.length + 4;
}
