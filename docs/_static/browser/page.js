// Draws the design that the controls ask for; the numbers come from designs.js.
(() => {
  const data = window.specschedDesigns;
  const control = (name) => document.getElementById(`designs-${name}`);
  const exponent = control("exponent"), steps = control("steps");
  const sampler = control("sampler"), ends = control("ends");
  const COLORS = { designed: "#d55e00", linear: "#999999", cosine: "#0072b2", edm: "#cc79a7", exponential: "#009e73" };
  const LABELS = { ddim: "DDIM, Euler", ddpm: "DDPM, Euler ancestral", heun: "Heun", dpmpp_2m: "DPM-Solver++(2M)",
    dpmpp_2m_sde: "DPM-Solver++(2M) SDE", unipc: "UniPC" };

  const fill = (select, items) => items.forEach((item, k) => select.add(new Option(LABELS[item] ?? item, k)));
  exponent.max = data.exponents.length - 1;
  exponent.value = data.exponents.indexOf(2);
  steps.max = data.steps.length - 1;
  steps.value = data.steps.indexOf(10);
  fill(sampler, data.samplers);
  fill(ends, data.ends);

  const chosen = () => {
    const at = [exponent, ends, sampler, steps].map((element) => Number(element.value));
    const sizes = [data.exponents.length, data.ends.length, data.samplers.length, data.steps.length];
    return { at, design: data.designs[at.reduce((index, k, axis) => index * sizes[axis] + k, 0)] };
  };

  const element = (name, attributes, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };

  // Logarithmic levels with 0 on a line of its own below them.
  const drawLevels = (curves, count) => {
    const svg = control("levels");
    const [left, right, top, bottom, zero] = [56, 624, 12, 290, 322];
    const positive = Object.values(curves).flat().filter((level) => level > 0);
    const low = Math.floor(Math.log10(Math.min(...positive))), high = Math.ceil(Math.log10(Math.max(...positive)));
    const x = (k) => left + ((right - left) * k) / count;
    const y = (level) => level > 0 ? top + ((bottom - top) * (high - Math.log10(level))) / (high - low) : zero;
    svg.replaceChildren();
    for (let power = low; power <= high; power++) {
      const where = y(10 ** power);
      svg.append(element("line", { x1: left, x2: right, y1: where, y2: where, class: "grid" }));
      const label = element("text", { x: left - 8, y: where + 4, "text-anchor": "end" }, "10");
      label.append(element("tspan", { dy: -5, "font-size": 9 }, String(power)));
      svg.append(label);
    }
    svg.append(element("line", { x1: left, x2: right, y1: zero, y2: zero, class: "grid" }));
    svg.append(element("text", { x: left - 8, y: zero + 4, "text-anchor": "end" }, "0"));
    const every = count > 12 ? 2 : 1;
    for (let k = 0; k <= count; k += every)
      svg.append(element("text", { x: x(k), y: 344, "text-anchor": "middle" }, String(k)));
    svg.append(element("text", { x: (left + right) / 2, y: 358, "text-anchor": "middle" }, "step"));
    const up = "rotate(-90 14 150)";
    svg.append(element("text", { x: 14, y: 150, "text-anchor": "middle", transform: up }, "noise level"));
    Object.entries(curves).forEach(([name, levels], row) => {
      const strong = name === "designed";
      const points = levels.map((level, k) => `${x(k)},${y(level)}`).join(" ");
      svg.append(element("polyline", { points, fill: "none", stroke: COLORS[name], "stroke-width": strong ? 3 : 1.5 }));
      if (strong) levels.forEach((level, k) =>
        svg.append(element("circle", { cx: x(k), cy: y(level), r: 4, fill: COLORS[name] })));
      svg.append(element("text", { x: right - 4, y: top + 14 + 17 * row, "text-anchor": "end", fill: COLORS[name],
        "font-weight": strong ? "bold" : "normal" }, name));
    });
  };

  const drawLosses = (losses) => {
    const svg = control("losses");
    const [left, right] = [170, 560];
    const largest = Math.max(...losses.map(([, loss]) => loss));
    svg.replaceChildren();
    losses.forEach(([name, loss], row) => {
      const where = 8 + 27 * row, width = Math.max(1, ((right - left) * loss) / largest);
      svg.append(element("text", { x: left - 10, y: where + 15, "text-anchor": "end" }, name));
      svg.append(element("rect", { x: left, y: where, width, height: 20, fill: COLORS[name] ?? "#e69f00" }));
      svg.append(element("text", { x: left + width + 8, y: where + 15 }, String(loss)));
    });
  };

  const draw = () => {
    const { at, design } = chosen();
    const count = data.steps[at[3]];
    control("exponent-text").value = data.exponents[at[0]];
    control("steps-text").value = count;
    const curves = {};
    for (const name of data.rivals) curves[name] = data.rival_levels[name][at[1]][at[3]];
    curves.designed = design.levels;
    drawLevels(curves, count);
    drawLosses([
      ["designed", design.loss],
      [`best heuristic: ${design.best[0]}`, design.best[1]],
      ...data.rivals.map((name, k) => [name, design.rivals[k]]),
    ]);
    control("numbers").textContent = design.levels.join(", ");
  };

  for (const one of [exponent, steps, sampler, ends]) one.addEventListener("input", draw);
  draw();
})();
