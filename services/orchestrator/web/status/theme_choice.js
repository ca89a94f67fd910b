/** Lets the person choose light or dark; without a choice the system's theme is used. */

import { byId, fill, icon } from "../core/element.js";

const KEY = "fairlead.theme";

export function watchTheme() {
  const button = byId("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const draw = () => {
    const label = dark() ? "Use light colours" : "Use dark colours";
    fill(button, icon(dark() ? "sun" : "moon"));
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  button.addEventListener("click", () => {
    const next = dark() ? "light" : "dark";
    // Going back to what the system says anyway is no choice: the page follows the system again.
    const same = (next === "dark") === system.matches;
    if (same) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    if (same) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
    draw();
  });
  system.addEventListener("change", draw);
  draw();
}
