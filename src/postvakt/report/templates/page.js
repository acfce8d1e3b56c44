"use strict";
(() => {
  const make = (tag, set, parent) => parent.appendChild(Object.assign(document.createElement(tag), set));

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    const key = (row, at) => row.cells[at].dataset.key ?? row.cells[at].textContent.trim();
    heads.forEach((head, at) => {
      const button = make("button", { type: "button", textContent: head.textContent }, head);
      head.firstChild.remove();
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        rows.sort((a, b) => key(a, at).localeCompare(key(b, at), "en", { numeric: true }) * (up ? 1 : -1));
        body.append(...rows);
      });
    });
    const box = document.createElement("p");
    box.className = "filter";
    const label = make("label", { textContent: "Show only hosts with " }, box);
    const field = make("input", { type: "search", autocomplete: "off" }, label);
    const told = make("span", { className: "soft" }, box);
    told.setAttribute("role", "status");
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      let left = 0;
      for (const row of rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
        left += row.hidden ? 0 : 1;
      }
      told.textContent = wanted ? ` ${left} of ${rows.length}` : "";
    });
    table.closest(".scroll").before(box);
  }

  for (const group of document.querySelectorAll("[data-findings]")) {
    const findings = [...group.children];
    if (findings.length < 2) continue;
    const box = document.createElement("p");
    box.className = "filter";
    const label = make("label", { textContent: "Show only findings with " }, box);
    const field = make("input", { type: "search", autocomplete: "off" }, label);
    const told = make("span", { className: "soft" }, box);
    told.setAttribute("role", "status");
    for (const [word, open] of [["Open all", true], ["Close all", false]]) {
      const button = make("button", { type: "button", textContent: word }, box);
      button.addEventListener("click", () => findings.forEach((each) => { each.open = open; }));
    }
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      let left = 0;
      for (const each of findings) {
        each.hidden = !each.textContent.toLowerCase().includes(wanted);
        left += each.hidden ? 0 : 1;
      }
      told.textContent = wanted ? ` ${left} of ${findings.length}` : "";
    });
    group.before(box);
  }

  // Browsers that do not know ::details-content would print closed sections without their content.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });

  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();
})();
