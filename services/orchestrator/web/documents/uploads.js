/** Brings files into a knowledge base: sends them, a few at a time, and follows each until it can be asked about. */

import { ApiFailure, address, failure, json, request, unanswered } from "../core/api.js";
import { session } from "../core/session.js";

const AT_ONCE = 3;
// One drop may be a folder; more than this is a case for the ingestion worker's folder source.
const MOST = 500;
const SEND_DEADLINE_MS = 30 * 60 * 1000;
const POLL_FIRST_MS = 400;
const POLL_LONGEST_MS = 5000;
const POLL_FAILURES = 5;

/**
 * @typedef {object} Upload
 * @property {number} number
 * @property {File} file
 * @property {string} storeId
 * @property {"queued" | "sending" | "reading" | "done" | "failed" | "cancelled"} state
 * @property {number} sent share of the bytes that have left, from 0 to 1
 * @property {string | null} reason
 * @property {string | null} fileId
 * @property {AbortController} control
 */

/**
 * Events: `change` (detail: the upload); `settled` (detail: the upload) when the platform has read one, or refused to:
 * from then on it is a document of the knowledge base, with the reason if it failed.
 */
export class Uploads extends EventTarget {
  /** @type {Upload[]} */
  all = [];
  /** What the server accepts at most; a larger file is refused before its bytes are sent. */
  largestBytes = Infinity;
  #count = 0;
  #running = 0;

  /**
   * Queue files. Returns how many were left out because one drop brought too many.
   *
   * @param {File[]} files
   * @param {string} storeId
   */
  add(files, storeId) {
    for (const file of files.slice(0, MOST)) {
      this.#count += 1;
      const control = new AbortController();
      const upload = { number: this.#count, file, storeId, sent: 0, reason: null, fileId: null, control };
      this.all.push({ ...upload, state: "queued" });
      this.#changed(/** @type {Upload} */ (this.all.at(-1)));
    }
    this.#startNext();
    return Math.max(0, files.length - MOST);
  }

  /** Stop an upload, and take back what of it has arrived. */
  cancel(/** @type {Upload} */ upload) {
    if (upload.state === "queued") this.#move(upload, "cancelled");
    upload.control.abort();
  }

  retry(/** @type {Upload} */ upload) {
    this.dismiss(upload);
    this.add([upload.file], upload.storeId);
  }

  /** Forget an upload that has ended. */
  dismiss(/** @type {Upload} */ upload) {
    this.all = this.all.filter((one) => one !== upload);
    this.#changed(upload);
  }

  get active() {
    return this.all.filter((one) => one.state === "queued" || one.state === "sending" || one.state === "reading");
  }

  #startNext() {
    while (this.#running < AT_ONCE) {
      const next = this.all.find((one) => one.state === "queued");
      if (!next) return;
      this.#running += 1;
      this.#run(next).finally(() => {
        this.#running -= 1;
        this.#startNext();
      });
    }
  }

  async #run(/** @type {Upload} */ upload) {
    try {
      this.#move(upload, "sending");
      if (upload.file.size > this.largestBytes) throw tooLarge(this.largestBytes);
      upload.fileId = await this.#send(upload);
      this.#move(upload, "reading");
      await this.#attach(upload, upload.fileId);
      await this.#untilRead(upload, upload.fileId);
      this.#settle(upload, "done");
    } catch (error) {
      if (upload.control.signal.aborted) {
        this.#move(upload, "cancelled");
        await takeBack(upload);
      } else if (error instanceof Refused) {
        upload.reason = error.message;
        this.#settle(upload, "failed");
      } else if (error instanceof ApiFailure) {
        upload.reason = error.message;
        this.#move(upload, "failed");
      } else {
        throw error;
      }
    }
  }

  /**
   * Send the bytes: XMLHttpRequest, because fetch does not tell how much has left.
   *
   * @param {Upload} upload
   * @returns {Promise<string>} the file's id
   */
  #send(upload) {
    return new Promise((resolve, reject) => {
      const xhr = new XMLHttpRequest();
      const key = session.key;
      xhr.open("POST", address("v1/files"));
      for (const [name, value] of Object.entries(session.headers())) xhr.setRequestHeader(name, value);
      xhr.timeout = SEND_DEADLINE_MS;
      xhr.upload.addEventListener("progress", (event) => {
        if (!event.lengthComputable) return;
        upload.sent = event.loaded / event.total;
        this.#changed(upload);
      });
      const headers = { get: (/** @type {string} */ name) => xhr.getResponseHeader(name) };
      xhr.addEventListener("load", () => {
        if (xhr.status >= 200 && xhr.status < 300) resolve(JSON.parse(xhr.responseText).id);
        else reject(failure({ status: xhr.status, headers }, xhr.responseText, key));
      });
      xhr.addEventListener("error", () => reject(unanswered(false)));
      xhr.addEventListener("timeout", () => reject(unanswered(true)));
      xhr.addEventListener("abort", () => reject(upload.control.signal.reason));
      upload.control.signal.addEventListener("abort", () => xhr.abort());
      const form = new FormData();
      form.set("purpose", "assistants");
      form.set("file", upload.file, upload.file.name);
      xhr.send(form);
    });
  }

  /**
   * @param {Upload} upload
   * @param {string} fileId
   */
  async #attach(upload, fileId) {
    const path = `v1/vector_stores/${encodeURIComponent(upload.storeId)}/files`;
    await json(path, { method: "POST", json: { file_id: fileId }, signal: upload.control.signal });
  }

  /**
   * Ask for the file's state until it has one that lasts; a few unanswered questions in a row are forgiven.
   *
   * @param {Upload} upload
   * @param {string} fileId
   */
  async #untilRead(upload, fileId) {
    const path = `v1/vector_stores/${encodeURIComponent(upload.storeId)}/files/${encodeURIComponent(fileId)}`;
    let failures = 0;
    for (let pause = POLL_FIRST_MS; ; pause = Math.min(POLL_LONGEST_MS, pause * 1.5)) {
      await waited(pause, upload.control.signal);
      try {
        const { status, last_error: problem } = await json(path, { signal: upload.control.signal });
        failures = 0;
        if (status === "completed") return;
        if (status === "failed") throw new Refused(problem?.message ?? "The document could not be read.");
        if (status === "cancelled") throw new Refused("Reading the document was cancelled.");
      } catch (error) {
        failures += 1;
        if (!passing(error) || failures >= POLL_FAILURES) throw error;
      }
    }
  }

  /**
   * @param {Upload} upload
   * @param {"done" | "failed"} state
   */
  #settle(upload, state) {
    this.#move(upload, state);
    this.dispatchEvent(new CustomEvent("settled", { detail: upload }));
  }

  /**
   * @param {Upload} upload
   * @param {Upload["state"]} state
   */
  #move(upload, state) {
    upload.state = state;
    this.#changed(upload);
  }

  #changed(/** @type {Upload} */ upload) {
    this.dispatchEvent(new CustomEvent("change", { detail: upload }));
  }
}

/** The platform read the file and says why it cannot use it. */
class Refused extends ApiFailure {
  constructor(/** @type {string} */ message) {
    super(message, { status: 200 });
  }
}

function tooLarge(/** @type {number} */ largestBytes) {
  return new ApiFailure(`The file is larger than ${Math.floor(largestBytes / 1024 / 1024)} MB.`, { status: 413 });
}

/** Whether asking again may work. */
function passing(/** @type {unknown} */ error) {
  return error instanceof ApiFailure && (error.status === 0 || error.status === 429 || error.status >= 500);
}

/** Delete the file of a cancelled upload; if that fails it stays as an unused file, which harms no answer. */
async function takeBack(/** @type {Upload} */ upload) {
  if (upload.fileId === null) return;
  const id = encodeURIComponent(upload.fileId);
  const paths = [`v1/vector_stores/${encodeURIComponent(upload.storeId)}/files/${id}`, `v1/files/${id}`];
  for (const path of paths) {
    try {
      await request(path, { method: "DELETE" });
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
    }
  }
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function waited(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", stop, { once: true });
  });
}
