// The comparison: a chart a split, a line a model. What is chosen stands in the address, behind "#".
"use strict";
{
  const index = JSON.parse(document.getElementById("index").textContent);
  const form = document.getElementById("choice"), charts = document.getElementById("charts");
  const status = document.getElementById("status"), chosen = document.getElementById("chosen");
  const DEFAULT = 3; // the best so many, until somebody chooses
  const list = text => text.split(",").filter(Boolean);
  let turn = 0;

  function read() {
    const given = new URLSearchParams(location.hash.slice(1));
    const task = Object.hasOwn(index, given.get("task")) ? given.get("task") : form.elements.task.options[0].value;
    const known = index[task];
    const models = given.has("models") ? list(given.get("models")) : known.models.slice(0, DEFAULT);
    const splits = given.has("splits") ? list(given.get("splits")) : known.scored;
    return {
      task,
      models: [...new Set(models)].filter(name => known.models.includes(name)),
      splits: known.splits.filter(name => splits.includes(name)),
      x: Object.hasOwn(loopbenchSpecs, given.get("x")) ? given.get("x") : "depth",
      bands: given.get("bands") !== "0",
    };
  }

  function change(changes) {
    const { bands, ...state } = { ...read(), ...changes };
    if (!bands) state.bands = "0";
    const target = "#" + new URLSearchParams(state).toString().replaceAll("%2C", ","); // lists become a,b,c
    if (target === location.hash) return;
    history.pushState(null, "", target);
    show();
  }

  // Pages from disk can fetch nothing, but any page can have one more script.
  const load = name => new Promise(resolve => {
    if (loopbench.curves[name]) return resolve();
    const script = document.createElement("script");
    script.src = `data/${encodeURIComponent(name)}.js`;
    script.onload = script.onerror = resolve;
    document.body.append(script);
  });

  const element = (name, ...children) => {
    const made = document.createElement(name);
    made.append(...children);
    return made;
  };

  function controls({ task, models, splits, x, bands }) {
    const known = index[task];
    form.elements.task.value = task;
    form.elements.x.value = x;
    form.elements.bands.checked = bands;
    document.getElementById("models").replaceChildren(...known.models.map(name => {
      const option = document.createElement("option");
      option.value = name;
      return option;
    }));
    document.getElementById("splits").replaceChildren(...known.splits.map(name => {
      const box = document.createElement("input");
      box.type = "checkbox";
      box.name = "split";
      box.value = name;
      box.checked = splits.includes(name);
      return element("label", box, name);
    }));
    chosen.replaceChildren(...models.map((name, i) => {
      const link = element("a", name), remove = element("button", "✕");
      link.href = `models/${encodeURIComponent(name)}.html`;
      remove.type = "button";
      remove.dataset.remove = name;
      remove.setAttribute("aria-label", `remove ${name}`);
      return element("li", loopbench.swatch(loopbench.look(i)), link, remove);
    }));
  }

  async function show() {
    const state = read(), mine = ++turn;
    controls(state);
    await Promise.all(state.models.map(load));
    if (mine !== turn) return; // something else has been chosen meanwhile
    const figures = state.splits.map(name => {
      const lines = state.models.flatMap((label, i) => {
        const model = loopbench.curves[label];
        const split = model?.splits.find(({ split }) => split === name);
        return split ? [{ label, look: loopbench.look(i), model, split }] : [];
      });
      return { name, lines, place: element("div") };
    }).filter(({ lines }) => lines.length);
    charts.replaceChildren(...figures.map(({ name, place }) => {
      place.className = "chart";
      return element("figure", element("h2", name), place);
    }));
    const count = state.models.length;
    status.textContent = figures.length
      ? `${count} ${count === 1 ? "model" : "models"} on ${figures.length} ${figures.length === 1 ? "split" : "splits"}`
      : "Choose a model and a split.";
    for (const { name, lines, place } of figures) {
      const names = lines.map(({ label }) => label).join(", ");
      await loopbench.draw(place, lines, state.x, state.bands, `Accuracy on ${name} over ${state.x}: ${names}`);
      if (mine !== turn) return;
    }
    charts.dataset.drawn = String(turn);
  }

  form.addEventListener("submit", event => {
    event.preventDefault();
    const { task, models } = read(), field = form.elements.model, name = field.value.trim();
    if (!index[task].models.includes(name)) {
      status.textContent = name ? `There is no model ${name} on ${task}.` : "Type the name of a model.";
      return;
    }
    field.value = "";
    change({ models: [...models.filter(other => other !== name), name] });
  });
  form.addEventListener("change", event => {
    const { name, value, checked } = event.target;
    if (name === "task") change({ task: value, models: index[value].models.slice(0, DEFAULT), splits: index[value].scored });
    else if (name === "x") change({ x: value });
    else if (name === "bands") change({ bands: checked });
    else if (name === "split") change({ splits: [...form.querySelectorAll("[name=split]:checked")].map(box => box.value) });
  });
  chosen.addEventListener("click", event => {
    const name = event.target.dataset.remove;
    if (!name) return;
    change({ models: read().models.filter(other => other !== name) });
    (chosen.querySelector("button") || form.elements.model).focus();
  });
  addEventListener("hashchange", show);
  addEventListener("popstate", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}
