/**
 * Reads the part of Markdown that answers use into plain data: paragraphs, headings, lists, quotes, code, tables, and
 * citation marks such as `[2]`. It makes no HTML; anything it does not know stays the text it was.
 *
 * @typedef {{type: "text", text: string} | {type: "code", text: string} | {type: "cite", index: number}
 *   | {type: "strong" | "emphasis", content: Inline[]} | {type: "link", href: string, content: Inline[]}} Inline
 * @typedef {{type: "paragraph", content: Inline[]} | {type: "heading", level: number, content: Inline[]}
 *   | {type: "code", text: string} | {type: "rule"} | {type: "quote", blocks: Block[]}
 *   | {type: "list", start: number | null, items: Block[][]}
 *   | {type: "table", head: Inline[][], rows: Inline[][][]}} Block
 */

import { inline } from "./markdown_inline.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*$/;
const RULE = /^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|(\d{1,9})[.)])(?:[ \t]+(.*)|)$/;
const TABLE_RULE = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;

// A list in a list in a list… is cut off here, so that hostile text cannot exhaust the stack.
const DEEPEST = 8;

/**
 * The blocks of a text, each with the lines it was read from: while an answer grows only its last block changes, so
 * a view can keep what it drew for the others.
 *
 * @param {string} text
 * @returns {{source: string, block: Block}[]}
 */
export function blocks(text) {
  return read(text.replace(/\r\n?/g, "\n").replaceAll("\t", "    ").split("\n"), 0);
}

/**
 * @param {string[]} lines
 * @param {number} depth
 */
function read(lines, depth) {
  /** @type {{source: string, block: Block}[]} */
  const found = [];
  let at = 0;
  while (at < lines.length) {
    if (lines[at].trim() === "") {
      at += 1;
      continue;
    }
    const [block, next] = oneBlock(lines, at, depth);
    found.push({ source: lines.slice(at, next).join("\n"), block });
    at = next;
  }
  return found;
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {number} depth
 * @returns {[Block, number]} the block and the line after it
 */
function oneBlock(lines, at, depth) {
  const line = lines[at];
  const fence = FENCE.exec(line);
  if (fence) return fenced(lines, at, fence[1]);
  const heading = HEADING.exec(line);
  if (heading) return [{ type: "heading", level: heading[1].length, content: inline(heading[2]) }, at + 1];
  if (RULE.test(line)) return [{ type: "rule" }, at + 1];
  if (depth < DEEPEST && QUOTE.test(line)) return quote(lines, at, depth);
  if (depth < DEEPEST && ITEM.test(line)) return list(lines, at, depth);
  if (line.includes("|") && TABLE_RULE.test(lines[at + 1] ?? "")) return table(lines, at);
  return paragraph(lines, at, depth);
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {string} fence
 * @returns {[Block, number]} a fence that is never closed runs to the end, as it does while it is being written
 */
function fenced(lines, at, fence) {
  let end = at + 1;
  const closing = new RegExp(`^ {0,3}${fence[0]}{${fence.length},} *$`);
  while (end < lines.length && !closing.test(lines[end])) end += 1;
  return [{ type: "code", text: lines.slice(at + 1, end).join("\n") }, Math.min(end + 1, lines.length)];
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {number} depth
 * @returns {[Block, number]}
 */
function quote(lines, at, depth) {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(QUOTE, ""));
  return [{ type: "quote", blocks: read(inner, depth + 1).map((part) => part.block) }, end];
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {number} depth
 * @returns {[Block, number]}
 */
function list(lines, at, depth) {
  const ordered = ITEM.exec(lines[at])?.[3] !== undefined;
  /** @type {string[][]} */
  const items = [];
  let end = at;
  let indent = 0;
  for (; end < lines.length; end += 1) {
    const line = lines[end];
    const item = ITEM.exec(line);
    const spaces = line.length - line.trimStart().length;
    const nested = items.length > 0 && spaces >= Math.min(indent, 2) && spaces > 0 && (spaces >= indent || !item);
    if (line.trim() === "") {
      if (!continues(lines, end, indent, ordered)) break;
      items[items.length - 1].push("");
    } else if (nested) {
      items[items.length - 1].push(line.slice(Math.min(spaces, indent)));
    } else if (item && !RULE.test(line) && (item[3] !== undefined) === ordered) {
      indent = item[1].length + item[2].length + 1;
      items.push([item[4] ?? ""]);
    } else if (item || startsBlock(line, depth) || lines[end - 1].trim() === "") {
      break;
    } else {
      items[items.length - 1].push(line); // a sentence that the writer wrapped without indenting it
    }
  }
  const start = ordered ? Number(ITEM.exec(lines[at])?.[3]) : null;
  return [{ type: "list", start, items: items.map((i) => read(i, depth + 1).map((part) => part.block)) }, end];
}

/**
 * @param {string[]} lines
 * @param {number} at a blank line in a list
 * @param {number} indent
 * @param {boolean} ordered
 */
function continues(lines, at, indent, ordered) {
  const next = lines.slice(at).findIndex((line) => line.trim() !== "");
  if (next === -1) return false;
  const line = lines[at + next];
  const item = ITEM.exec(line);
  if (item) return (item[3] !== undefined) === ordered || line.startsWith("  ");
  return line.startsWith(" ".repeat(Math.max(indent, 2)));
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @returns {[Block, number]}
 */
function table(lines, at) {
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const head = cells(lines[at]);
  const rows = lines.slice(at + 2, end).map((line) => cells(line).slice(0, head.length));
  return [{ type: "table", head, rows }, end];
}

/** @param {string} line */
function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => inline(cell.trim().replaceAll("\\|", "|")));
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {number} depth
 * @returns {[Block, number]}
 */
function paragraph(lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() !== "" && !startsBlock(lines[end], depth)) end += 1;
  const text = lines.slice(at, end).map((line) => line.trim());
  return [{ type: "paragraph", content: inline(text.join("\n")) }, end];
}

/**
 * @param {string} line
 * @param {number} depth
 */
function startsBlock(line, depth) {
  if (FENCE.test(line) || HEADING.test(line) || RULE.test(line)) return true;
  return depth < DEEPEST && (QUOTE.test(line) || ITEM.test(line));
}
