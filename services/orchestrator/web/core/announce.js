/** Speaks to screen readers through the page's one status region. */

import { byId, fill } from "./element.js";

/**
 * Say a sentence, once.
 *
 * @param {string} text
 */
export function announce(text) {
  fill(byId("announcer"), text);
}
