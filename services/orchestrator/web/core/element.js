/** Builds DOM nodes from data. Text only ever becomes text nodes: nothing here, or anywhere in the page, parses HTML. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * One element with attributes, listeners and children.
 *
 * `attributes` takes plain attribute names; `true` sets an empty attribute, `false`, `null` and `undefined` set none,
 * and a function under `onclick`, `oninput`… becomes a listener.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Node | string | number | null | undefined | false)} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  node.append(...present(children));
  return node;
}

/**
 * A picture from the page's own sprite, hidden from screen readers: the text or label beside it says what it means.
 *
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `web/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/**
 * A button that is only a picture to the eye, and its label to everyone else.
 *
 * @param {string} picture
 * @param {string} label
 * @param {Record<string, unknown>} attributes
 */
export function iconButton(picture, label, attributes) {
  const button = element("button", { type: "button", class: "icon-button", "aria-label": label, title: label });
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") button.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (value !== false && value !== undefined) button.setAttribute(name, String(value));
  }
  button.append(icon(picture));
  return /** @type {HTMLButtonElement} */ (button);
}

/**
 * The element of the page with this id; the page is broken without it, so its absence is an error.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`index.html has no #${id}`);
  return node;
}

/**
 * Put these children, and only these, into a node.
 *
 * @param {Element} parent
 * @param {...(Node | string | number | null | undefined | false)} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren(...present(children));
}

/** @param {(Node | string | number | null | undefined | false)[]} children */
function present(children) {
  return children
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
