// Draws curves by the specs that altair made; the colours are those of the page.
"use strict";
window.loopbench = {
  curves: {},
  colors: 8,

  // Colour and dash of line i: after so many colours they begin again, dashed.
  look(i) {
    return { color: this.variable(`--line-${i % this.colors}`), dash: [[1, 0], [7, 3], [2, 2]][Math.floor(i / this.colors) % 3] };
  },

  // The same from easy to hard.
  ramp(i, count) {
    const place = count > 1 ? i / (count - 1) : 1;
    return { color: this.variable(`--ramp-${Math.round(place * (this.colors - 1))}`), dash: [1, 0] };
  },

  variable(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  },

  swatch({ color, dash }) {
    const make = name => document.createElementNS("http://www.w3.org/2000/svg", name);
    const [svg, line] = [make("svg"), make("line")];
    const set = (element, values) => Object.entries(values).forEach(([key, value]) => element.setAttribute(key, value));
    set(svg, { width: 22, height: 10, "aria-hidden": "true" });
    set(line, { x1: 0, x2: 22, y1: 5, y2: 5, stroke: color, "stroke-width": 3, "stroke-dasharray": dash.join(" ") });
    svg.append(line);
    return svg;
  },

  // Each line is {label, look, model, split}: a model's data and one of its splits.
  async draw(element, lines, unit, bands, label) {
    const factor = model => ({ iterations: 1, depth: model.layers, flops: model.flops })[unit] || 1;
    const values = lines.flatMap(({ label: line, look, model, split }) =>
      split.points.map(([t, accuracy, low, high, scored]) => (
        { line, ...look, t, x: t * factor(model), accuracy, low, high, scored: Boolean(scored) })));
    const [ink, faint, rule] = ["--ink", "--faint", "--rule"].map(name => this.variable(name));
    const font = getComputedStyle(document.body).fontFamily;
    const axis = { labelColor: faint, titleColor: faint, domainColor: faint, tickColor: faint, gridColor: rule,
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
    const config = { background: "transparent", font, aria: false, view: { stroke: null }, axis,
      axisY: { domain: false, ticks: false }, text: { color: ink } };
    const spec = structuredClone(loopbenchSpecs[unit]);
    spec.data.values = values;
    if (unit !== "flops") { // powers of two as far as they have room, the last one always
      const last = Math.floor(Math.log2(Math.max(...values.map(({ x }) => x))));
      const step = Math.max(1, Math.ceil(last * 48 / element.clientWidth)), ticks = [];
      for (let exponent = last; exponent >= 0; exponent -= step) ticks.push(2 ** exponent);
      for (const { encoding } of spec.layer) encoding.x.axis.values = ticks;
    }
    spec.params.find(({ name }) => name === "bands").value = bands;
    await vegaEmbed(element, spec, { ast: true, actions: false, renderer: "svg", defaultStyle: false, config,
      tooltip: { disableDefaultStyle: true } });
    element.querySelector("svg").setAttribute("aria-hidden", "true"); // the element speaks for all that is in it
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", label);
  },
};
