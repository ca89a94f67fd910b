/** Asks before something that cannot be undone. */

import { byId, element, fill } from "./element.js";

/**
 * Whether the person says yes; Escape and a click outside mean no.
 *
 * @param {{title: string, text: string, action: string}} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, action }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("confirm"));
  const answer = (/** @type {string} */ value) => () => dialog.close(value);
  const no = element("button", { type: "button", class: "button", onclick: answer("no") }, "Cancel");
  const yes = element("button", { type: "button", class: "button danger", onclick: answer("yes") }, action);
  const heading = element("h2", { id: "confirm-title" }, title);
  const words = element("p", { id: "confirm-text", dir: "auto" }, text);
  fill(dialog, heading, words, element("div", { class: "dialog-buttons" }, no, yes));
  dialog.returnValue = "";
  dialog.showModal();
  no.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close("no"));
  });
}
