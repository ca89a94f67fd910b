/** The choice of what is asked; a choice that has only one answer is shown as text. */

import { element } from "../core/element.js";

/** @param {import("./knowledge.js").Knowledge} knowledge */
export function knowledgeChoice(knowledge) {
  const { applications, application, stores, store, asksAll } = knowledge;
  const box = element("div", { class: "choices" });
  if (applications.length > 1) {
    const options = applications.map((one) => option(one.id, one.name, one === application));
    box.append(choice("application", "Application", options, (id) => knowledge.chooseApplication(id)));
  }
  const options = stores.map((one) => option(one.id, one.name, !asksAll && one === store));
  if (knowledge.ownsSeveral) options.unshift(option("", `All of ${application?.name}`, asksAll));
  if (options.length > 1) {
    box.append(choice("store", "Knowledge base", options, (id) => knowledge.chooseStore(id || null)));
  } else if (store) {
    box.append(
      element(
        "p",
        { class: "only-choice" },
        element("span", {}, "Knowledge base"),
        element("strong", { dir: "auto" }, store.name),
      ),
    );
  }
  if (asksAll && store) {
    box.append(
      element(
        "p",
        { class: "quiet small" },
        "New documents go to ",
        element("strong", {}, store.name),
        ", whose list this is.",
      ),
    );
  }
  return box;
}

/**
 * @param {string} id
 * @param {string} label
 * @param {HTMLElement[]} options
 * @param {(value: string) => void} choose
 */
function choice(id, label, options, choose) {
  const select = /** @type {HTMLSelectElement} */ (element("select", { id }, ...options));
  select.addEventListener("change", () => {
    choose(select.value);
    document.getElementById(id)?.focus(); // choosing draws the choice again
  });
  return element("div", { class: "field" }, element("label", { for: id }, label), select);
}

/**
 * @param {string} value
 * @param {string} label
 * @param {boolean} selected
 */
function option(value, label, selected) {
  return element("option", { value, selected }, label);
}
