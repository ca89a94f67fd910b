/** A button that copies a text and says so. */

import { fill, icon, iconButton } from "./element.js";

const SAID_FOR_MS = 2000;

/**
 * The button, or null where the browser has no clipboard for pages (plain HTTP from another machine).
 *
 * @param {string} label
 * @param {() => string} text
 */
export function copyButton(label, text) {
  if (!navigator.clipboard) return null;
  const button = iconButton("copy", label, {});
  const say = (/** @type {string} */ picture, /** @type {string} */ words) => {
    fill(button, icon(picture));
    button.title = words;
    button.setAttribute("aria-label", words);
  };
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      say("check", "Copied");
    } catch {
      say("warning", "The browser did not allow copying"); // a permission the person refused
    }
    setTimeout(() => say("copy", label), SAID_FOR_MS);
  });
  return button;
}
