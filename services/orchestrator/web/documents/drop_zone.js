/** Files dragged over any part of the page may be dropped on any part of it. */

import { byId } from "../core/element.js";
import { droppedFiles } from "./dropped_files.js";

/** @param {(files: File[]) => void} add */
export function watchDrops(add) {
  const veil = byId("drop-veil");
  // Entering a child fires before leaving its parent, so only the balance tells whether the page was left.
  let inside = 0;
  const over = (/** @type {boolean} */ is) => {
    if (!is) inside = 0;
    veil.hidden = !is;
  };
  addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    inside += 1;
    over(true);
  });
  addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    inside -= 1;
    if (inside <= 0) over(false);
  });
  addEventListener("drop", async (event) => {
    if (!carriesFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    over(false);
    // Behind a dialog the page cannot be used; a drop on it is a slip.
    if (!document.querySelector("dialog:modal")) add(await droppedFiles(event.dataTransfer));
  });
}

function carriesFiles(/** @type {DragEvent} */ event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}
