/** Asks for the API key when the API wants one, and lets the person sign out. */

import { ApiFailure, json } from "./api.js";
import { byId } from "./element.js";
import { session } from "./session.js";

/**
 * Watch the session. The dialog stays until a key works.
 *
 * @param {() => void} signedIn called after a key was accepted
 */
export function watchSession(signedIn) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("sign-in"));
  const form = /** @type {HTMLFormElement} */ (byId("sign-in-form"));
  const field = /** @type {HTMLInputElement} */ (byId("key"));
  const problem = byId("sign-in-problem");
  const submit = /** @type {HTMLButtonElement} */ (byId("sign-in-submit"));
  const signOut = byId("sign-out");

  const say = (/** @type {string} */ words) => {
    problem.textContent = words;
    problem.hidden = words === "";
    field.setAttribute("aria-invalid", String(words !== ""));
  };

  const ask = (/** @type {string} */ words) => {
    accepted = false;
    say(words);
    if (!dialog.open) dialog.showModal();
    field.focus();
  };

  session.addEventListener("refused", (event) => {
    const { keySent } = /** @type {CustomEvent<{keySent: boolean}>} */ (event).detail;
    ask(keySent ? "This key is not valid, or no longer." : "");
  });
  session.addEventListener("change", () => {
    signOut.hidden = !session.signedIn;
  });
  signOut.hidden = !session.signedIn;
  signOut.addEventListener("click", () => {
    session.signOut();
    location.reload(); // nothing of the person who leaves stays on the page
  });

  // Without a key there is nothing behind the dialog to go back to; browsers let only one Escape be refused.
  let accepted = false;
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("close", () => accepted || dialog.showModal());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const key = field.value.trim();
    if (key === "") return ask("Enter your key.");
    submit.disabled = true;
    session.signIn(key);
    try {
      await json("v1/models");
      field.value = "";
      accepted = true;
      dialog.close();
      signedIn();
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      if (error.status !== 401) ask(error.message); // of a 401 the session has told already
    } finally {
      submit.disabled = false;
    }
  });
}
