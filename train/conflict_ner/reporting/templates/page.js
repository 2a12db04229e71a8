"use strict";
// Filters for lists of items. Without this script everything is shown and the forms stay hidden.
(() => {
  const filters = new Map(); // a list's id -> what shows all of it again, and what sets its form

  const plain = (node) => {
    const copy = node.cloneNode(true);
    for (const chip of copy.querySelectorAll(".chip")) chip.remove();
    return copy.textContent.replace(/\s+/g, " ").toLowerCase();
  };

  const start = (form) => {
    const list = document.getElementById(form.dataset.list);
    const items = Array.from(list.children, (node, place) => ({ node, place, text: null }));
    const value = (name) => (form.elements[name] ? form.elements[name].value : "");
    let sorted = "";

    const order = () => {
      if (value("order") === sorted) return;
      sorted = value("order");
      const score = (item) => Number(item.node.dataset.score || -1);
      const by = sorted === "score" ? (a, b) => score(b) - score(a) || a.place - b.place : (a, b) => a.place - b.place;
      list.append(...Array.from(items).sort(by).map((item) => item.node));
    };

    const apply = () => {
      const kind = value("kind");
      const label = value("label");
      const words = value("search").replace(/\s+/g, " ").trim().toLowerCase();
      let shown = 0;
      for (const item of items) {
        const { node } = item;
        let hit = !kind || node.dataset.kind === kind;
        hit = hit && (!label || (node.dataset.labels || "").split(" ").includes(label));
        if (hit && words) {
          if (item.text === null) item.text = plain(node);
          hit = item.text.includes(words);
        }
        if (node.hidden === hit) node.hidden = !hit;
        if (hit) shown += 1;
      }
      order();
      form.querySelector("output").textContent = `${shown} of ${items.length} shown`;
    };

    let waiting = 0;
    form.addEventListener("input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(apply, event.target.type === "search" ? 150 : 0);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    filters.set(list.id, (wanted) => {
      form.reset();
      for (const [name, to] of Object.entries(wanted)) form.elements[name].value = to;
      apply();
    });
    form.hidden = false;
    apply();
  };

  document.querySelectorAll("form[data-list]").forEach(start);

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    const { kind, label } = link.dataset;
    if (kind !== undefined) filters.get("errors").call(null, { kind, label });
    // A link must not lead to what a filter hides.
    const target = document.getElementById(link.getAttribute("href").slice(1));
    const item = target && target.closest(".item");
    if (item && item.hidden) filters.get(item.parentElement.id)({});
  });
})();
