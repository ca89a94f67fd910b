/** The discreet line under an answer: how long it took, and on request what made it and where its trace is. */

import { copyButton } from "../core/clipboard.js";
import { element, icon } from "../core/element.js";

/**
 * @param {import("./conversation.js").Turn} turn
 * @param {string | null} traceUrlTemplate with `{trace_id}`; null without a trace page
 */
export function factsLine(turn, traceUrlTemplate) {
  const facts = turn.facts;
  const took = turn.tookMs === null ? "" : seconds(turn.tookMs);
  const rows = element("dl", {});
  const row = (/** @type {string} */ name, /** @type {(Node | string | null)[]} */ ...value) => {
    rows.append(element("div", {}, element("dt", {}, name), element("dd", {}, ...value)));
  };
  if (took) row("Took", took);
  if (facts?.model) row("Application", facts.model);
  if (facts?.configHash) row("Configuration", element("code", {}, facts.configHash));
  if (facts?.usage?.completion_tokens) {
    row("Tokens", `${facts.usage.prompt_tokens ?? 0} read, ${facts.usage.completion_tokens} written`);
  }
  if (facts?.traceId) row("Trace", ...trace(facts.traceId, traceUrlTemplate));
  const summary = element("summary", {}, took || "Details", element("span", { class: "visually-hidden" }, ", details"));
  return element("details", { class: "facts" }, summary, rows);
}

/**
 * @param {string} traceId
 * @param {string | null} template
 */
function trace(traceId, template) {
  const address = template?.replaceAll("{trace_id}", encodeURIComponent(traceId)) ?? "";
  const open = /^https?:\/\//.test(address)
    ? element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, "Open", icon("external"))
    : null;
  return [element("code", {}, traceId), copyButton("Copy trace id", () => traceId), open];
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
  if (milliseconds < 1000) return `${Math.max(1, Math.round(milliseconds))} ms`;
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}
