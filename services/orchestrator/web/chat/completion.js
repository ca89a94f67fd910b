/** One question to `/v1/chat/completions`, streamed: pieces of text as they come, then the facts about the answer. */

import { ApiFailure, request } from "../core/api.js";
import { StreamStalled, events } from "../core/event_stream.js";

// Retrieval and a busy model come before the head; afterwards a healthy stream is never silent for this long.
const HEAD_DEADLINE_S = 120;
const STALL_S = 60;

/**
 * @typedef {object} Citation
 * @property {number} index
 * @property {string} file_id
 * @property {string} filename
 * @property {string | null} [title]
 * @property {number | null} [page]
 * @property {string} quote
 * @property {number | null} [score]
 * @property {string} [chunk_id]
 * @property {string} [text]
 *
 * @typedef {object} Facts
 * @property {Citation[]} citations
 * @property {string | null} traceId
 * @property {string[]} degraded
 * @property {string | null} configHash
 * @property {string | null} model
 * @property {string | null} finishReason
 * @property {{prompt_tokens?: number, completion_tokens?: number} | null} usage
 */

/**
 * Ask; `onText` hears each piece of the answer. Throws ApiFailure when it cannot be had or ends before it is whole.
 *
 * @param {{model: string | null, messages: {role: string, content: string}[], storeIds: string[] | null}} question
 *   `storeIds` null asks what the application asks by default.
 * @param {AbortSignal} signal
 * @param {(piece: string) => void} onText
 * @returns {Promise<Facts>}
 */
export async function complete({ model, messages, storeIds }, signal, onText) {
  const json = {
    ...(model ? { model } : {}),
    messages,
    stream: true,
    stream_options: { include_usage: true },
    ...(storeIds ? { vector_store_ids: storeIds } : {}),
  };
  const options = { method: "POST", json, signal, deadlineS: HEAD_DEADLINE_S, stream: true };
  const response = await request("v1/chat/completions", options);
  if (!response.body) throw new ApiFailure("The server sent an empty answer.", { status: response.status });
  const facts = noFacts();
  try {
    for await (const data of events(response.body, STALL_S)) {
      if (data === "[DONE]") break;
      const piece = take(facts, parsed(data));
      if (piece) onText(piece);
    }
  } catch (error) {
    if (signal.aborted || error instanceof ApiFailure) throw error;
    const stalled = error instanceof StreamStalled;
    throw new ApiFailure(stalled ? "The answer stopped coming." : "The connection was lost during the answer.");
  }
  // `[DONE]` alone proves nothing: a whole answer says why it ended.
  if (facts.finishReason === null) throw new ApiFailure("The connection ended before the answer was complete.");
  return facts;
}

/** @returns {Facts} */
function noFacts() {
  return { citations: [], traceId: null, degraded: [], configHash: null, model: null, finishReason: null, usage: null };
}

/**
 * Add what one chunk says to the facts, and return its text.
 *
 * @param {Facts} facts
 * @param {any} chunk
 * @returns {string}
 */
function take(facts, chunk) {
  if (chunk.error) {
    const { message, code } = chunk.error;
    throw new ApiFailure(typeof message === "string" ? message : "The answer failed.", { status: 200, code });
  }
  if (Array.isArray(chunk.citations)) facts.citations = chunk.citations;
  if (Array.isArray(chunk.degraded)) facts.degraded = chunk.degraded;
  facts.traceId = chunk.trace_id ?? facts.traceId;
  facts.configHash = chunk.config_hash ?? facts.configHash;
  facts.model = chunk.model ?? facts.model;
  facts.usage = chunk.usage ?? facts.usage;
  const choice = chunk.choices?.[0];
  facts.finishReason = choice?.finish_reason ?? facts.finishReason;
  return typeof choice?.delta?.content === "string" ? choice.delta.content : "";
}

/** @param {string} data */
function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    throw new ApiFailure("The server's answer could not be read.");
  }
}
