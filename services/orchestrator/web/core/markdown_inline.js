/** Reads what stands inside a line of Markdown: bold, emphasis, code, links and citation marks. */

/** @typedef {import("./markdown.js").Inline} Inline */

const CITE = /^\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\](?!\()/;
const LINK = /^\[([^[\]]{1,500})\]\(<?([^\s()<>]{1,2000})>?(?:\s+"[^"]*")?\)/;
const BARE_LINK = /^https?:\/\/[^\s<>"'`]+/i;
const SAFE_LINK = /^(?:https?:\/\/|mailto:)/i;
const ESCAPED = /^\\([!-/:-@[-`{-~])/;
const WORD = /[\p{L}\p{N}]/u;
const SPECIAL = /[\\`*_[]|https?:\/\//i;
const DEEPEST = 6;

/**
 * The pieces of a line. Text that only looks like Markdown (`2 * 3`, `snake_case`, an open `**`) stays text.
 *
 * @param {string} text
 * @returns {Inline[]}
 */
export function inline(text, depth = 0) {
  /** @type {Inline[]} */
  const found = [];
  let plain = "";
  /** Marks that have no partner further on: looking again from a later place would find none either. */
  const unpaired = new Set();
  let at = 0;
  const keep = (/** @type {Inline[]} */ pieces, /** @type {number} */ length) => {
    if (plain) found.push({ type: "text", text: plain });
    plain = "";
    found.push(...pieces);
    at += length;
  };
  while (at < text.length) {
    const skip = text.slice(at).search(SPECIAL);
    if (skip === -1) break;
    plain += text.slice(at, at + skip);
    at += skip;
    const rest = text.slice(at, at + 3000);
    const escaped = ESCAPED.exec(rest);
    const piece = escaped ? null : (code(text, at, unpaired) ?? bracket(rest, depth) ?? bareLink(text, at, rest));
    const styled = escaped || piece ? null : emphasis(text, at, depth, unpaired);
    if (escaped) {
      plain += escaped[1];
      at += 2;
    } else if (piece ?? styled) {
      const { pieces, length } = /** @type {Piece} */ (piece ?? styled);
      keep(pieces, length);
    } else {
      plain += text[at];
      at += 1;
    }
  }
  plain += text.slice(at);
  if (plain) found.push({ type: "text", text: plain });
  return found;
}

/** @typedef {{pieces: Inline[], length: number}} Piece */

/**
 * @param {string} text
 * @param {number} at
 * @param {Set<string>} unpaired
 * @returns {Piece | null}
 */
function code(text, at, unpaired) {
  if (text[at] !== "`") return null;
  let ticks = 1;
  while (text[at + ticks] === "`") ticks += 1;
  const mark = "`".repeat(ticks);
  if (unpaired.has(mark)) return { pieces: [{ type: "text", text: mark }], length: ticks };
  let end = text.indexOf(mark, at + ticks);
  while (end !== -1 && text[end + ticks] === "`") {
    let run = ticks;
    while (text[end + run] === "`") run += 1;
    end = text.indexOf(mark, end + run);
  }
  if (end === -1) {
    unpaired.add(mark);
    return { pieces: [{ type: "text", text: mark }], length: ticks };
  }
  const inside = text.slice(at + ticks, end).replaceAll("\n", " ");
  const padded = inside.startsWith(" ") && inside.endsWith(" ") && inside.trim() !== "";
  return { pieces: [{ type: "code", text: padded ? inside.slice(1, -1) : inside }], length: end + ticks - at };
}

/**
 * A citation mark, `[1]` or `[1, 2]`, or a link. Only addresses that a reader can judge become links: no script, no
 * data, and never a picture, which would be fetched without a click.
 *
 * @param {string} rest
 * @param {number} depth
 * @returns {Piece | null}
 */
function bracket(rest, depth) {
  if (rest[0] !== "[") return null;
  const cite = CITE.exec(rest);
  if (cite) {
    const marks = cite[1].split(",").map((index) => ({ type: /** @type {const} */ ("cite"), index: Number(index) }));
    return { pieces: marks, length: cite[0].length };
  }
  const link = depth < DEEPEST ? LINK.exec(rest) : null;
  if (!link || !SAFE_LINK.test(link[2])) return null;
  return { pieces: [{ type: "link", href: link[2], content: inline(link[1], DEEPEST) }], length: link[0].length };
}

/**
 * @param {string} text
 * @param {number} at
 * @param {string} rest
 * @returns {Piece | null}
 */
function bareLink(text, at, rest) {
  if (WORD.test(text[at - 1] ?? "")) return null;
  const found = BARE_LINK.exec(rest);
  if (!found) return null;
  // The full stop or bracket that ends a sentence is not part of the address, nor is the mark of a citation.
  const href = found[0].replace(/(?:\[\d{1,3}\])+.*$/, "").replace(/[.,;:!?)\]*_]+$/, "");
  return { pieces: [{ type: "link", href, content: [{ type: "text", text: href }] }], length: href.length };
}

/**
 * @param {string} text
 * @param {number} at
 * @param {number} depth
 * @param {Set<string>} unpaired
 * @returns {Piece | null}
 */
function emphasis(text, at, depth, unpaired) {
  const char = text[at];
  if ((char !== "*" && char !== "_") || depth >= DEEPEST) return null;
  const mark = text[at + 1] === char ? char + char : char;
  const from = at + mark.length;
  const opens = /\S/.test(text[from] ?? "") && !(char === "_" && WORD.test(text[at - 1] ?? ""));
  if (!opens || unpaired.has(mark)) return null;
  for (let end = text.indexOf(mark, from + 1); end !== -1; end = text.indexOf(mark, end + 1)) {
    const after = text[end + mark.length] ?? "";
    const doubled = mark.length === 1 && (after === char || text[end - 1] === char);
    const closes = /\S/.test(text[end - 1]) && !(char === "_" && WORD.test(after)) && !doubled;
    if (!closes) continue;
    const content = inline(text.slice(from, end), depth + 1);
    const type = mark.length === 2 ? /** @type {const} */ ("strong") : /** @type {const} */ ("emphasis");
    return { pieces: [{ type, content }], length: end + mark.length - at };
  }
  unpaired.add(mark);
  return null;
}
