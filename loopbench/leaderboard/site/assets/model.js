// A model's page: its curves by difficulty.
"use strict";
{
  const chart = document.getElementById("chart"), legend = document.getElementById("legend");
  const form = document.getElementById("chart-form");
  const model = loopbench.curves[chart.dataset.model];

  function show() {
    const state = new URLSearchParams(location.hash.slice(1));
    const unit = Object.hasOwn(loopbenchSpecs, state.get("x")) ? state.get("x") : "iterations";
    const bands = state.get("bands") !== "0";
    form.elements.x.value = unit;
    form.elements.bands.checked = bands;
    const lines = model.splits.map((split, i) => (
      { label: split.split, look: loopbench.ramp(i, model.splits.length), model, split }));
    legend.replaceChildren(...lines.map(({ label, look }) => {
      const item = document.createElement("li");
      item.append(loopbench.swatch(look), label);
      return item;
    }));
    const splits = lines.map(({ label }) => label).join(", ");
    loopbench.draw(chart, lines, unit, bands, `Accuracy over ${unit} on ${splits}; the table below has the numbers`);
  }

  form.addEventListener("change", () => {
    const { x, bands } = form.elements;
    const target = "#" + new URLSearchParams({ x: x.value, ...(bands.checked ? {} : { bands: "0" }) });
    if (target === location.hash) return;
    history.pushState(null, "", target);
    show();
  });
  form.addEventListener("submit", event => event.preventDefault());
  addEventListener("hashchange", show);
  addEventListener("popstate", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}
