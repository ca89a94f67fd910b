/** Talks to the API beside this page: every request has a deadline, every failure becomes one kind of error. */

import { session } from "./session.js";

const DEADLINE_S = 30;
const PAGE_SIZE = 100;

/** A request that did not work; `message` is for the person who reads it. */
export class ApiFailure extends Error {
  /**
   * @param {string} message
   * @param {{status?: number, code?: string | null, retryAfterS?: number | null, requestId?: string | null}} [facts]
   *   `status` is 0 when there was no answer at all.
   */
  constructor(message, { status = 0, code = null, retryAfterS = null, requestId = null } = {}) {
    super(message);
    this.name = "ApiFailure";
    this.status = status;
    this.code = code;
    this.retryAfterS = retryAfterS;
    this.requestId = requestId;
  }
}

/**
 * Address of an API path, relative to the page, so that a path prefix of a reverse proxy is kept.
 *
 * @param {string} path such as `v1/models`
 * @param {Record<string, string | number>} [query]
 */
export function address(path, query = {}) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
  return url;
}

/**
 * @typedef {object} RequestOptions
 * @property {string} [method]
 * @property {unknown} [json] sent as the body
 * @property {AbortSignal} [signal]
 * @property {number} [deadlineS] for the whole answer; of a stream, for its head
 * @property {boolean} [stream] the caller reads the body and watches over it
 */

/**
 * The answer to a request; throws ApiFailure for any other status than 2xx.
 *
 * @param {string | URL} path
 * @param {RequestOptions} [options]
 */
export async function request(path, { method = "GET", json, signal, deadlineS = DEADLINE_S, stream = false } = {}) {
  const key = session.key;
  const tooLate = new AbortController();
  const timer = setTimeout(() => tooLate.abort(), deadlineS * 1000);
  /** @type {RequestInit} */
  const init = {
    method,
    headers: session.headers(),
    signal: AbortSignal.any([tooLate.signal, ...(signal ? [signal] : [])]),
  };
  if (json !== undefined) {
    init.body = JSON.stringify(json);
    init.headers = { ...session.headers(), "content-type": "application/json" };
  }
  try {
    const response = await fetch(path instanceof URL ? path : address(path), init);
    if (!response.ok) throw failure(response, await response.text(), key);
    if (stream) clearTimeout(timer);
    return response;
  } catch (error) {
    clearTimeout(timer);
    if (error instanceof ApiFailure || signal?.aborted) throw error;
    throw unanswered(tooLate.signal.aborted);
  }
}

/**
 * A request whose answer is JSON.
 *
 * @param {string | URL} path
 * @param {RequestOptions} [options]
 * @returns {Promise<any>}
 */
export async function json(path, options) {
  const response = await request(path, options);
  try {
    return await response.json();
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new ApiFailure("The server's answer could not be read.", { status: response.status });
  }
}

/**
 * One page of a list; `after` is the last id that is already known.
 *
 * @param {string} path
 * @param {{after?: string | null, limit?: number, order?: "asc" | "desc", filter?: string | null, signal?: AbortSignal}} [options]
 * @returns {Promise<{data: any[], has_more: boolean, last_id?: string | null}>}
 */
export async function listPage(path, { after = null, limit = PAGE_SIZE, order = "desc", filter = null, signal } = {}) {
  const query = { limit, order, ...(after ? { after } : {}), ...(filter ? { filter } : {}) };
  return json(address(path, query), { signal });
}

/**
 * The failure that an error answer means, in words; a 401 also tells the session.
 *
 * @param {{status: number, headers: {get(name: string): string | null}}} response
 * @param {string} body
 * @param {string | null} keySent
 */
export function failure(response, body, keySent) {
  if (response.status === 401) session.refuse(keySent);
  const detail = errorDetail(body);
  const retryAfterS = Number.parseFloat(response.headers.get("retry-after") ?? "");
  return new ApiFailure(detail?.message ?? plainWords(response.status), {
    status: response.status,
    code: detail?.code ?? null,
    retryAfterS: Number.isFinite(retryAfterS) ? retryAfterS : null,
    requestId: response.headers.get("x-request-id"),
  });
}

/** @param {boolean} tooLate whether a deadline ended the wait */
export function unanswered(tooLate) {
  return new ApiFailure(tooLate ? "The server did not answer in time." : "The server cannot be reached.");
}

/** @param {string} body */
function errorDetail(body) {
  try {
    const error = JSON.parse(body)?.error;
    return typeof error?.message === "string" ? error : null;
  } catch {
    // Something between us and the API answered in its own format, such as a gateway's HTML page.
    return null;
  }
}

/** @param {number} status */
function plainWords(status) {
  if (status === 401) return "Sign in to go on.";
  if (status === 413) return "This is larger than the server accepts.";
  if (status === 429) return "Too many requests at the moment.";
  if (status >= 500) return "The server has a problem at the moment.";
  return `The server refused the request (status ${status}).`;
}
