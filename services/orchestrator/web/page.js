/** The chat page: makes its parts and connects them. */

import { Composer } from "./chat/composer.js";
import { Conversation } from "./chat/conversation.js";
import { ConversationView } from "./chat/conversation_view.js";
import { PassagePanel } from "./chat/passage_panel.js";
import { Welcome } from "./chat/welcome.js";
import { ApiFailure, json } from "./core/api.js";
import { byId } from "./core/element.js";
import { watchSession } from "./core/sign_in.js";
import { DocumentList } from "./documents/document_list.js";
import { DocumentsView } from "./documents/documents_view.js";
import { watchDrops } from "./documents/drop_zone.js";
import { Knowledge } from "./documents/knowledge.js";
import { sayKinds } from "./documents/kinds.js";
import { Uploads } from "./documents/uploads.js";
import { watchDrawer } from "./status/drawer.js";
import { HealthWatch } from "./status/health.js";
import { watchTheme } from "./status/theme_choice.js";

const conversation = new Conversation();
const composer = new Composer();
const passages = new PassagePanel();
const knowledge = new Knowledge();
const documents = new DocumentList();
const uploads = new Uploads();
const documentsView = new DocumentsView(knowledge, documents, uploads);
const health = new HealthWatch();
const welcome = new Welcome(knowledge, ask);
/** @type {string | null} */
let traceUrlTemplate = null;

new ConversationView(conversation, {
  openPassage: (citations, index, opener) => passages.open(citations, index, opener),
  retry: (turn) => follow(conversation.retry(turn, knowledge.scope)),
  saveVote: (turn, vote) => conversation.vote(turn, vote),
  traceUrlTemplate: () => traceUrlTemplate,
});

/** Show what the answer under way means for the rest of the page. */
async function follow(/** @type {Promise<void>} */ answer) {
  composer.busy = true;
  await answer;
  composer.busy = conversation.busy;
  if (conversation.turns.at(-1)?.state === "failed") health.check();
}

function ask(/** @type {string} */ question) {
  follow(conversation.ask(question, knowledge.scope));
}

/** Read everything that needs a key; also again, after signing in or when the connection is back. */
async function load() {
  try {
    await knowledge.load();
    const config = await json("ui-config");
    traceUrlTemplate = config.trace_url ?? null;
    uploads.largestBytes = config.max_upload_bytes ?? Infinity;
    sayKinds(config.document_kinds ?? []);
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    health.check(); // the banner, or the sign-in dialog, says what is wrong
  }
}

composer.addEventListener("ask", (event) => ask(/** @type {CustomEvent<string>} */ (event).detail));
composer.addEventListener("stop", () => conversation.stop());
health.addEventListener("back", load);
knowledge.addEventListener("change", () => welcome.update());
byId("new-conversation").addEventListener("click", () => {
  passages.close();
  conversation.clear();
  composer.focus();
});
// Leaving the page is the reader's doing, not a broken connection.
addEventListener("pagehide", () => conversation.stop());
addEventListener("beforeunload", (event) => {
  if (uploads.active.length > 0) event.preventDefault(); // leaving would cut them off
});

watchTheme();
watchDrawer();
watchSession(load);
watchDrops((files) => documentsView.add(files));
conversation.restore();
health.start();
load();
