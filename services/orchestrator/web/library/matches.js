/** Where a text has the words of a query, by their stems. */

// A stem is the beginning of the word's forms; a short one begins too many other words.
const SHORTEST_STEM = 4;
// Scripts without spaces are looked up by pairs of neighbouring characters.
const PAIRED = /^[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}$/;
const WORD = /[\p{L}\p{N}]+(?:[-_./][\p{L}\p{N}]+)*/gu;

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
    for (const [from, to, match] of places(word[0], terms)) {
      if (word.index + from > end) pieces.push({ text: text.slice(end, word.index + from) });
      pieces.push({ text: word[0].slice(from, to), match });
      end = word.index + to;
    }
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

/**
 * Where a word matches: as a whole, or each run of pairs in it; [from, to, term].
 *
 * @param {string} word
 * @param {string[]} terms
 * @returns {[number, number, string][]}
 */
function places(word, terms) {
  const whole = terms.find((term) => isForm(word.toLowerCase(), term));
  if (whole) return [[0, word.length, whole]];
  const pairs = new Set(terms.filter((term) => PAIRED.test(term)));
  /** @type {[number, number, string][]} */
  const found = [];
  for (let at = 0; pairs.size > 0 && at + 1 < word.length; at += 1) {
    const pair = word.slice(at, at + 2);
    if (!pairs.has(pair)) continue;
    const last = found.at(-1);
    if (last && last[1] >= at) last[1] = at + 2;
    else found.push([at, at + 2, pair]);
  }
  return found;
}
