/** On narrow screens the documents side is a drawer; this opens and closes it. */

import { byId } from "../core/element.js";

// The style sheet makes it a drawer below the same width.
const ALWAYS_OPEN = matchMedia("(min-width: 56rem)");

export function watchDrawer() {
  const drawer = byId("sidebar");
  const button = byId("open-drawer");
  const rest = [byId("main"), byId("passage")];
  const isOpen = () => document.body.classList.contains("with-drawer");

  const set = (/** @type {boolean} */ open) => {
    const hadFocus = drawer.contains(document.activeElement);
    document.body.classList.toggle("with-drawer", open);
    button.setAttribute("aria-expanded", String(open));
    const closed = !ALWAYS_OPEN.matches && !open;
    drawer.inert = closed;
    for (const part of rest) part.inert = open && !ALWAYS_OPEN.matches;
    if (open) byId("close-drawer").focus();
    else if (hadFocus && closed) button.focus();
  };

  button.addEventListener("click", () => set(!isOpen()));
  byId("close-drawer").addEventListener("click", () => set(false));
  byId("drawer-veil").addEventListener("click", () => set(false));
  drawer.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen()) set(false);
  });
  ALWAYS_OPEN.addEventListener("change", () => set(false));
  set(false);
}
