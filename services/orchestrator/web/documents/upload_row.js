/** One upload on its way: name, progress, and cancel, or what went wrong and what can be done. */

import { element, fill, icon, iconButton } from "../core/element.js";
import { documentName, kind } from "./document_name.js";

/**
 * @param {import("./uploads.js").Upload} upload
 * @param {import("./uploads.js").Uploads} uploads
 */
export function uploadRow(upload, uploads) {
  const name = upload.file.name;
  const bar = /** @type {HTMLProgressElement} */ (element("progress", { max: "1", "aria-label": `Upload of ${name}` }));
  const state = element("p", { class: "document-state" });
  const buttons = element("div", { class: "document-buttons" });
  const text = element("div", { class: "document-text" }, documentName(name), bar, state);
  const node = element("li", { class: "document upload" }, kind(name), text, buttons);
  /** @type {string | null} */
  let drawn = null;

  const cancel = () => uploads.cancel(upload);
  const dismiss = iconButton("close", `Hide ${name}`, { onclick: () => uploads.dismiss(upload) });
  const retry = iconButton("retry", `Upload ${name} again`, { onclick: () => uploads.retry(upload) });

  const update = () => {
    if (upload.state === "sending") bar.value = upload.sent;
    if (upload.state === "sending" && upload.sent < 1) fill(state, `Uploading, ${Math.round(upload.sent * 100)} %`);
    if (upload.state === "sending" && upload.sent === 1) fill(state, "Saving…");
    if (drawn === upload.state) return;
    drawn = upload.state;
    node.dataset.status = upload.state;
    const moving = upload.state === "sending" || upload.state === "reading" || upload.state === "queued";
    bar.hidden = !moving;
    if (upload.state === "queued") fill(state, "Waiting");
    if (upload.state === "reading") {
      bar.removeAttribute("value"); // how far reading has come is not known
      fill(state, "Reading and indexing…");
    }
    if (upload.state === "done") fill(state, "Ready");
    if (upload.state === "cancelled") fill(state, "Cancelled");
    if (upload.state === "failed") fill(state, icon("warning"), upload.reason);
    if (moving) fill(buttons, iconButton("close", `Cancel the upload of ${name}`, { onclick: cancel }));
    else fill(buttons, upload.state === "failed" && retry, dismiss);
  };
  return { node, update };
}
