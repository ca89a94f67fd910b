/** The documents page: makes its parts and connects them. */

import { ApiFailure, json } from "./core/api.js";
import { byId } from "./core/element.js";
import { watchSession } from "./core/sign_in.js";
import { DocumentList } from "./documents/document_list.js";
import { DocumentsView } from "./documents/documents_view.js";
import { watchDrops } from "./documents/drop_zone.js";
import { sayKinds } from "./documents/kinds.js";
import { Knowledge } from "./documents/knowledge.js";
import { Uploads } from "./documents/uploads.js";
import { ChunkViewer } from "./library/chunk_viewer.js";
import { FileRows } from "./library/file_row.js";
import { SearchView } from "./library/search_view.js";
import { SourcesView } from "./library/sources_view.js";
import { HealthWatch } from "./status/health.js";
import { watchTheme } from "./status/theme_choice.js";

const knowledge = new Knowledge();
const documents = new DocumentList();
const uploads = new Uploads();
const viewer = new ChunkViewer();
const rows = new FileRows(documents, viewer);
const view = new DocumentsView(knowledge, documents, uploads, (one, remove) => rows.row(one, remove));
const search = new SearchView(knowledge, viewer);
const sources = new SourcesView();
const health = new HealthWatch();
const status = /** @type {HTMLSelectElement} */ (byId("status"));

/** Read everything that needs a key; also again, after signing in or when the connection is back. */
async function load() {
  try {
    await knowledge.load();
    const config = await json("ui-config");
    uploads.largestBytes = config.max_upload_bytes ?? Infinity;
    sayKinds(config.document_kinds ?? []);
    await sources.load();
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    health.check(); // the banner, or the sign-in dialog, says what is wrong
  }
}

status.addEventListener("change", () => documents.filter(/** @type {any} */ (status.value || null)));
knowledge.addEventListener("change", () => search.knowledgeChanged());
health.addEventListener("back", load);
addEventListener("beforeunload", (event) => {
  if (uploads.active.length > 0) event.preventDefault(); // leaving would cut them off
});

watchTheme();
watchSession(load);
watchDrops((files) => view.add(files));
health.start();
load();
