/** Where questions are written: grows with its text, sends on Enter, and becomes the stop button while one is answered. */

import { byId } from "../core/element.js";

const DRAFT = "fairlead.draft";

/** Events: `ask` (detail: the question), `stop`. */
export class Composer extends EventTarget {
  #form = /** @type {HTMLFormElement} */ (byId("composer"));
  #text = /** @type {HTMLTextAreaElement} */ (byId("question"));
  #send = /** @type {HTMLButtonElement} */ (byId("send"));
  #stop = /** @type {HTMLButtonElement} */ (byId("stop"));
  #busy = false;

  constructor() {
    super();
    this.#text.value = sessionStorage.getItem(DRAFT) ?? "";
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => {
      // While an input method composes a character, Enter confirms that character.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("input", () => {
      sessionStorage.setItem(DRAFT, this.#text.value);
      this.#draw();
    });
    this.#stop.addEventListener("click", () => this.dispatchEvent(new Event("stop")));
    this.#draw();
  }

  set busy(/** @type {boolean} */ busy) {
    const hadFocus = document.activeElement === this.#stop || document.activeElement === this.#send;
    this.#busy = busy;
    this.#draw();
    // The button that had the focus is gone; its successor at the same place takes it.
    if (hadFocus) (busy ? this.#stop : this.#send).focus();
  }

  focus() {
    this.#text.focus();
  }

  #submit() {
    const question = this.#text.value.trim();
    if (question === "" || this.#busy) return;
    this.#text.value = "";
    sessionStorage.removeItem(DRAFT);
    this.#draw();
    // The keyboard of a phone covers half of the answer; it goes until the next question.
    if (matchMedia("(pointer: coarse)").matches) this.#text.blur();
    this.dispatchEvent(new CustomEvent("ask", { detail: question }));
  }

  #draw() {
    this.#send.hidden = this.#busy;
    this.#stop.hidden = !this.#busy;
    this.#send.setAttribute("aria-disabled", String(this.#text.value.trim() === ""));
    // Its own height first, so that it can shrink again; the style sheet bounds it.
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }
}
