/** Draws Markdown as DOM nodes, and redraws only what changed while the text grows. */

import { element } from "./element.js";
import { blocks } from "./markdown.js";

/** @typedef {import("./markdown.js").Block} Block */
/** @typedef {import("./markdown.js").Inline} Inline */
/** @typedef {(index: number) => Node} Cite what stands for the citation mark with this number */

/** A text in a container. */
export class MarkdownView {
  #container;
  #cite;
  /** @type {string[]} */
  #drawn = [];

  /**
   * @param {HTMLElement} container
   * @param {Cite} cite
   */
  constructor(container, cite) {
    this.#container = container;
    this.#cite = cite;
  }

  /**
   * Show this text. Blocks whose source is the same as before keep their nodes, with their focus and selection.
   *
   * @param {string} text
   */
  update(text) {
    const parts = blocks(text);
    let same = 0;
    while (same < parts.length && parts[same].source === this.#drawn[same]) same += 1;
    while (this.#container.childNodes.length > same) this.#container.lastChild?.remove();
    for (const { block } of parts.slice(same)) this.#container.append(blockNode(block, this.#cite));
    this.#drawn = parts.map((part) => part.source);
  }

  /** Draw everything again: what the citation marks stand for has become known. */
  redraw(/** @type {string} */ text) {
    this.#drawn = [];
    this.update(text);
  }
}

/**
 * @param {Block} block
 * @param {Cite} cite
 * @returns {Node}
 */
function blockNode(block, cite) {
  switch (block.type) {
    case "paragraph":
      return element("p", { dir: "auto" }, ...inlineNodes(block.content, cite));
    case "heading":
      // One level for all: the question above is the level before, and answers skip levels as they like.
      return element("h3", { dir: "auto" }, ...inlineNodes(block.content, cite));
    case "rule":
      return element("hr");
    case "code":
      return scrollable("Code", element("pre", {}, element("code", {}, block.text)));
    case "quote":
      return element("blockquote", {}, ...block.blocks.map((inner) => blockNode(inner, cite)));
    case "list":
      return listNode(block, cite);
    case "table":
      return tableNode(block, cite);
  }
}

/**
 * @param {Extract<Block, {type: "list"}>} list
 * @param {Cite} cite
 */
function listNode(list, cite) {
  const items = list.items.map((inner) => element("li", { dir: "auto" }, ...inner.flatMap((b) => itemNodes(b, cite))));
  return list.start === null ? element("ul", {}, ...items) : element("ol", { start: list.start }, ...items);
}

/**
 * A paragraph in an item is drawn without its own box, so that short lists stay tight.
 *
 * @param {Block} block
 * @param {Cite} cite
 * @returns {Node[]}
 */
function itemNodes(block, cite) {
  return block.type === "paragraph"
    ? [element("div", {}, ...inlineNodes(block.content, cite))]
    : [blockNode(block, cite)];
}

/**
 * @param {Extract<Block, {type: "table"}>} table
 * @param {Cite} cite
 */
function tableNode(table, cite) {
  const head = table.head.map((cell) => element("th", { scope: "col", dir: "auto" }, ...inlineNodes(cell, cite)));
  const rows = table.rows.map((row) =>
    element("tr", {}, ...row.map((cell) => element("td", { dir: "auto" }, ...inlineNodes(cell, cite)))),
  );
  const body = element("tbody", {}, ...rows);
  return scrollable("Table", element("table", {}, element("thead", {}, element("tr", {}, ...head)), body));
}

/**
 * What may be wider than the page scrolls by itself, with the keyboard too.
 *
 * @param {string} label
 * @param {Node} content
 */
function scrollable(label, content) {
  return element("div", { class: "scrollable", role: "group", "aria-label": label, tabindex: "0" }, content);
}

/**
 * @param {Inline[]} pieces
 * @param {Cite} cite
 * @returns {Node[]}
 */
function inlineNodes(pieces, cite) {
  return pieces.map((piece) => {
    switch (piece.type) {
      case "text":
        return document.createTextNode(piece.text);
      case "code":
        return element("code", {}, piece.text);
      case "cite":
        return cite(piece.index);
      case "strong":
        return element("strong", {}, ...inlineNodes(piece.content, cite));
      case "emphasis":
        return element("em", {}, ...inlineNodes(piece.content, cite));
      case "link":
        return link(piece.href, inlineNodes(piece.content, cite));
    }
  });
}

/**
 * The address shows on hover and goes to a new tab that knows nothing of this one.
 *
 * @param {string} href
 * @param {Node[]} content
 */
function link(href, content) {
  const attributes = { href, title: href, target: "_blank", rel: "noopener noreferrer nofollow" };
  return element("a", attributes, ...content);
}
