/** Passages and the quotations in them: found although spaces, line breaks and typographic signs may differ. */

// Extraction and models disagree about these; for finding a quotation they are the same sign.
const ALIKE = new Map(
  Object.entries({ "‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"' }),
);
for (const dash of "‐‑‒–—−") ALIKE.set(dash, "-");
const INVISIBLE = /[\u00ad\u200b-\u200d\u2060\ufeff]/;

/**
 * Where the quotation stands, as offsets into the passage, or null. A quotation that was cut short (`…`) is found by
 * what is left of it.
 *
 * @param {string} quote
 * @param {string} passage
 * @returns {{start: number, end: number} | null}
 */
export function locate(quote, passage) {
  const wanted = folded(quote.replace(/^\s*(?:…|\.{3})|(?:…|\.{3})\s*$/g, "")).text.trim();
  if (wanted === "") return null;
  const within = folded(passage);
  const found = within.text.indexOf(wanted);
  if (found === -1) return null;
  return { start: within.offsets[found], end: within.offsets[found + wanted.length - 1] + 1 };
}

// A shorter line was ended on purpose: a heading, an address, a line of a table.
const WRAPPED_FROM = 45;
const OWN_LINE = /^(?:\s|$|[-*+•|>#]|\d+[.)])/;

/**
 * The passage without the line breaks that only an old page width made; its length stays, and so do offsets into it.
 *
 * @param {string} passage
 */
export function reflowed(passage) {
  const lines = passage.split("\n");
  return lines.reduce((text, line, at) => {
    if (at === 0) return line;
    const wrapped = lines[at - 1].length >= WRAPPED_FROM && !OWN_LINE.test(line) && !OWN_LINE.test(lines[at - 1]);
    return `${text}${wrapped ? " " : "\n"}${line}`;
  }, "");
}

/**
 * The text with runs of space as one, signs unified and case gone, and where each of its characters came from.
 *
 * @param {string} text
 */
function folded(text) {
  let result = "";
  /** @type {number[]} */
  const offsets = [];
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (INVISIBLE.test(char)) continue;
    const space = /\s/.test(char);
    if (space && (result === "" || result.endsWith(" "))) continue;
    const lower = char.toLowerCase();
    // A few letters change their length in lower case; they stay, so that the offsets hold.
    result += space ? " " : (ALIKE.get(char) ?? (lower.length === 1 ? lower : char));
    offsets.push(at);
  }
  return { text: result, offsets };
}
