// The overview: what is shown follows from the part of the address behind "#", and every control only changes that.
"use strict";
{
  const COLUMNS = ["rank", "score", "reproduced", "fresh", "overthinking", "parameters"];
  const DESCENDING = new Set(["score", "reproduced", "fresh"]); // where more is better, the first click shows the best
  const sections = new Map([...document.querySelectorAll("section.task")].map(s => [s.dataset.task, s]));
  const filters = document.getElementById("filters");
  const limit = Number(filters.dataset.limit); // rows of a table that are shown before somebody asks for all
  const fields = ["find", "recall", "norm", "size"];
  const tables = new Map();

  const read = () => {
    const state = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    if (!sections.has(state.task)) state.task = sections.keys().next().value;
    return state;
  };
  const address = state => {
    const kept = Object.entries(state).filter(([, value]) => value);
    return "#" + new URLSearchParams(kept).toString().replaceAll("%2C", ",");
  };
  const change = (changes, replace) => {
    const target = address({ ...read(), ...changes });
    if (target === location.hash) return;
    history[replace ? "replaceState" : "pushState"](null, "", target);
    show();
  };
  const picked = state => new Set((state.pick || "").split(",").filter(Boolean));

  // The rows of a table with what they are sorted and filtered by, read when its task is first shown. The first are in
  // the table; the others are text until then, in the noscript element behind it: a page of thousands opens at once.
  const rowsOf = table => {
    if (!tables.has(table)) {
      const others = document.createElement("template");
      others.innerHTML = table.nextElementSibling.matches("noscript") ? table.nextElementSibling.textContent : "";
      tables.set(table, [...table.tBodies[0].rows, ...others.content.querySelectorAll("tbody > tr")].map(row => {
        const { name, recall, norm } = row.dataset;
        const values = row.dataset.values.split(" ").map(Number);
        const box = row.querySelector("input");
        return { row, box, name, recall, norm, ...Object.fromEntries(COLUMNS.map((key, i) => [key, values[i]])) };
      }));
    }
    return tables.get(table);
  };

  const order = (key, sign) => (a, b) => {
    if (key === "name") return sign * (a.name < b.name ? -1 : 1);
    const [x, y] = [a[key], b[key]];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y); // what is unknown comes last
    return sign * (x - y) || b.score - a.score || (a.name < b.name ? -1 : 1);
  };

  const fits = (state, row) =>
    (!state.find || row.row.cells[2].textContent.toLowerCase().includes(state.find.toLowerCase())) &&
    (!state.recall || row.recall === state.recall) &&
    (!state.norm || row.norm === state.norm) &&
    (!state.size || row.parameters <= Number(state.size));

  function show() {
    const state = read();
    for (const [task, section] of sections) section.hidden = task !== state.task;
    for (const link of document.querySelectorAll(".tabs a")) {
      const here = link.dataset.task === state.task;
      link.toggleAttribute("aria-current", here);
      if (here) link.setAttribute("aria-current", "true");
      link.setAttribute("href", address({ ...state, task: link.dataset.task, pick: "", all: "" }));
    }
    for (const name of fields) {
      const field = filters.elements[name];
      if (field.value !== (state[name] || "")) field.value = state[name] || "";
    }
    const section = sections.get(state.task);
    const key = (state.sort || "rank").replace(/^-/, "");
    const sign = (state.sort || "rank").startsWith("-") ? -1 : 1;
    const picks = picked(state);
    let found = 0, total = 0, visible = 0;
    for (const table of section.querySelectorAll("table.board")) {
      const rows = rowsOf(table);
      const matching = rows.filter(row => fits(state, row)).sort(order(key, sign));
      const shown = state.all ? matching : matching.slice(0, limit);
      const body = table.tBodies[0];
      if (shown.length !== body.rows.length || shown.some(({ row }, i) => body.rows[i] !== row))
        body.replaceChildren(...shown.map(({ row }) => row));
      for (const { box, name } of shown) box.checked = picks.has(name);
      for (const th of table.tHead.rows[0].cells) {
        const sorts = th.querySelector("button")?.dataset.sort === key;
        if (sorts) th.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
        else th.removeAttribute("aria-sort");
      }
      table.hidden = !matching.length;
      found += matching.length;
      total += rows.length;
      visible += shown.length;
    }
    section.querySelector(".nothing").hidden = found > 0 || !total;
    const more = section.querySelector(".more");
    more.hidden = visible === found;
    more.firstElementChild.textContent = `Show all ${found.toLocaleString("en")}`;
    document.getElementById("status").textContent =
      `${found.toLocaleString("en")} of ${total.toLocaleString("en")} models` +
      (visible < found ? `, the first ${visible.toLocaleString("en")} shown` : "");
    const compare = document.getElementById("compare");
    compare.textContent = picks.size ? `Compare ${picks.size}` : "Compare curves";
    compare.setAttribute("href", "compare.html" + address({ task: state.task, models: [...picks].join(",") }));
  }

  document.addEventListener("click", event => {
    const button = event.target.closest("button");
    if (button?.dataset.sort) {
      const key = button.dataset.sort, now = read().sort || "rank";
      const first = DESCENDING.has(key) ? "-" + key : key;
      change({ sort: now === first ? (first === key ? "-" + key : key) : first });
    } else if (button?.closest(".more")) {
      change({ all: "1" });
    } else if (button?.closest(".nothing")) {
      change(Object.fromEntries(fields.map(name => [name, ""])));
      filters.elements.find.focus();
    }
  });
  document.addEventListener("change", event => {
    const row = event.target.closest("tr[data-name]");
    if (row) {
      const picks = picked(read());
      if (event.target.checked) picks.add(row.dataset.name);
      else picks.delete(row.dataset.name);
      change({ pick: [...picks].join(",") }, true);
    } else if (event.target.matches("select")) {
      change({ [event.target.name]: event.target.value });
    }
  });
  filters.elements.find.addEventListener("input", event => change({ find: event.target.value.trim() }, true));
  filters.addEventListener("submit", event => event.preventDefault());
  addEventListener("hashchange", show);
  addEventListener("popstate", show);
  show();
}
