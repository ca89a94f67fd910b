/** Sizes, dates, places and languages as people say them. */

const UNITS = ["bytes", "KB", "MB", "GB"];

/** @param {number} bytes */
export function size(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/**
 * `1 passage`, `14 passages`.
 *
 * @param {number} count
 * @param {string} one
 */
export function counted(count, one) {
  return `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
}

/** @param {string} code ISO 639 */
export function language(code) {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(code) ?? code;
  } catch {
    return code; // not a code that the browser knows
  }
}

const AGES = /** @type {[number, Intl.RelativeTimeFormatUnit][]} */ ([
  [60, "second"],
  [3600, "minute"],
  [86_400, "hour"],
  [Infinity, "day"],
]);
const SECONDS = { second: 1, minute: 60, hour: 3600, day: 86_400 };

/**
 * `5 minutes ago`; empty for what is no time.
 *
 * @param {unknown} when Unix seconds or an ISO 8601 text
 * @param {number} [now] milliseconds
 */
export function ago(when, now = Date.now()) {
  const at = typeof when === "number" ? when * 1000 : typeof when === "string" ? Date.parse(when) : NaN;
  if (!Number.isFinite(at)) return "";
  const seconds = Math.max(0, (now - at) / 1000);
  const [, unit] = AGES.find(([below]) => seconds < below) ?? AGES[3];
  const value = Math.floor(seconds / SECONDS[/** @type {"day"} */ (unit)]);
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(-value, unit);
}

/**
 * What a page of such a file is called.
 *
 * @param {string} name of the file
 */
export function pageWord(name) {
  return /\.pptx$/i.test(name) ? "slide" : "page";
}

/**
 * Where a passage stands: `Page 3`, `Slides 3 to 4`, `Rows 2 to 40`.
 *
 * @param {{page?: number | null, page_end?: number | null, metadata?: Record<string, any>}} own
 * @param {string} name of the file
 */
export function place({ page, page_end: end, metadata }, name) {
  const rows = metadata?.rows;
  const parts = [];
  const word = pageWord(name) === "slide" ? "Slide" : "Page";
  if (page) parts.push(end && end !== page ? `${word}s ${page} to ${end}` : `${word} ${page}`);
  if (Array.isArray(rows)) parts.push(rows[0] === rows[1] ? `Row ${rows[0]}` : `Rows ${rows[0]} to ${rows[1]}`);
  return parts.join(", ");
}

/** What normalisation takes out, by its name in the API. @type {Record<string, string>} */
const REMOVED = {
  zero_width: "zero-width",
  bidi_control: "text-direction",
  control: "control",
  tag: "hidden tag",
};

/**
 * `3 zero-width and 1 control characters were removed`; empty when nothing was.
 *
 * @param {Record<string, number> | undefined} removed
 */
export function removedWords(removed) {
  const entries = Object.entries(removed ?? {}).filter(([, count]) => count > 0);
  if (entries.length === 0) return "";
  const parts = entries.map(([kind, count]) => `${count.toLocaleString("en")} ${REMOVED[kind] ?? kind}`);
  const list = new Intl.ListFormat("en", { type: "conjunction" }).format(parts);
  return `${list} characters that nobody sees were removed`;
}
