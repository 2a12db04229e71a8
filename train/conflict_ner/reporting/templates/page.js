"use strict";
// Filters for lists of items. Without this script all items are shown and the forms stay hidden.
(() => {
  const filters = new Map(); // list id -> function that resets the list's form, sets the given values and filters

  const plainText = (node) => {
    const copy = node.cloneNode(true);
    for (const chip of copy.querySelectorAll(".chip")) chip.remove();
    return copy.textContent.replace(/\s+/g, " ").toLowerCase();
  };

  // Whether a list in an attribute of an item has the value that a control wants; any item has no value.
  const has = (listed, separator, wanted) => !wanted || (listed || "").split(separator).includes(wanted);

  const start = (form) => {
    const list = document.getElementById(form.dataset.list);
    const items = Array.from(list.children, (node, index) => ({ node, index, text: null }));
    const value = (name) => (form.elements[name] ? form.elements[name].value : "");
    let currentOrder = "";

    const sort = () => {
      if (value("order") === currentOrder) return;
      currentOrder = value("order");
      const score = (item) => Number(item.node.dataset.score || -1);
      const by = currentOrder === "score" ? (a, b) => score(b) - score(a) || a.index - b.index : (a, b) => a.index - b.index;
      list.append(...Array.from(items).sort(by).map((item) => item.node));
    };

    const apply = () => {
      const [kind, label, who] = ["kind", "label", "who"].map(value);
      const words = value("search").replace(/\s+/g, " ").trim().toLowerCase();
      let shown = 0;
      for (const item of items) {
        const { dataset } = item.node;
        let matches = has(dataset.kind, "|", kind) && has(dataset.labels, " ", label) && has(dataset.who, " ", who);
        if (matches && words) {
          if (item.text === null) item.text = plainText(item.node);
          matches = item.text.includes(words);
        }
        if (item.node.hidden === matches) item.node.hidden = !matches;
        if (matches) shown += 1;
      }
      sort();
      form.querySelector("output").textContent = `${shown} of ${items.length} shown`;
    };

    let timer = 0;
    form.addEventListener("input", (event) => {
      clearTimeout(timer);
      timer = setTimeout(apply, event.target.type === "search" ? 150 : 0);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    filters.set(list.id, (values) => {
      form.reset();
      for (const [name, selected] of Object.entries(values)) form.elements[name].value = selected;
      apply();
    });
    form.hidden = false;
    apply();
  };

  document.querySelectorAll("form[data-list]").forEach(start);

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    const { kind, label, list } = link.dataset;
    if (kind !== undefined) filters.get(list || "errors").call(null, { kind, label });
    // Where a filter hides the target of a link, reset the filter.
    const target = document.getElementById(link.getAttribute("href").slice(1));
    const item = target && target.closest(".item");
    if (item && item.hidden) filters.get(item.parentElement.id)({});
  });
})();
