/** Server-sent events over fetch, as the HTML standard defines their format, however the network cuts the bytes. */

/** Collects text into events; only `data` matters to this page. */
export class EventParser {
  #rest = "";
  /** @type {string[]} */
  #data = [];
  #started = false;

  /**
   * The `data` of each event that this piece of text completes.
   *
   * @param {string} piece
   * @returns {string[]}
   */
  push(piece) {
    this.#rest += piece;
    if (!this.#started && this.#rest !== "") {
      this.#started = true;
      if (this.#rest.startsWith("\ufeff")) this.#rest = this.#rest.slice(1);
    }
    const events = [];
    let from = 0;
    for (;;) {
      const end = this.#lineEnd(from);
      if (end === null) break;
      const event = this.#line(this.#rest.slice(from, end.at));
      if (event !== null) events.push(event);
      from = end.next;
    }
    this.#rest = this.#rest.slice(from);
    return events;
  }

  /** Lines end in LF, CR or CRLF; a CR at the very end may be half of a CRLF, so it waits for the next piece. */
  #lineEnd(/** @type {number} */ from) {
    for (let at = from; at < this.#rest.length; at += 1) {
      const char = this.#rest[at];
      if (char === "\n") return { at, next: at + 1 };
      if (char === "\r") {
        if (at + 1 === this.#rest.length) return null;
        return { at, next: this.#rest[at + 1] === "\n" ? at + 2 : at + 1 };
      }
    }
    return null;
  }

  /** @returns {string | null} the event's data when this line is the blank one that ends it */
  #line(/** @type {string} */ line) {
    if (line === "") {
      if (this.#data.length === 0) return null;
      const data = this.#data.join("\n");
      this.#data = [];
      return data;
    }
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    if (field === "data") {
      const value = colon === -1 ? "" : line.slice(colon + 1);
      this.#data.push(value.startsWith(" ") ? value.slice(1) : value);
    }
    return null;
  }
}

/** The stream sent nothing, not even a keep-alive comment, for too long. */
export class StreamStalled extends Error {}

/**
 * The `data` of each event of a response body. Throws StreamStalled when no byte comes for `stallS` seconds; leaving
 * the loop early cancels the body.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @param {number} stallS
 * @returns {AsyncGenerator<string, void, void>}
 */
export async function* events(body, stallS) {
  const reader = body.getReader();
  // Streaming decoding holds back the first bytes of a character that was cut in two.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), stallS);
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => {}); // the body may have failed already; there is nothing left to end then
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} seconds
 * @returns {Promise<T>}
 */
async function within(promise, seconds) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new StreamStalled()), seconds * 1000);
  });
  try {
    return /** @type {T} */ (await Promise.race([promise, late]));
  } finally {
    clearTimeout(timer);
  }
}
