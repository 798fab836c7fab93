// Charts over time: a crosshair with the values of one bucket, under the pointer or by the arrow
// keys. What it shows is in the attribute `data-hover` (console/charts/over_time.py).

const SVG = "http://www.w3.org/2000/svg";
const MOST_SHOWN = 12;
const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

/** Make the charts in an element live; those that are live already stay as they are. */
export function enhance(root = document) {
  for (const plot of root.querySelectorAll(".chart-plot[data-hover]")) {
    if (!plot.classList.contains("chart-live")) new Hover(plot);
  }
}

class Hover {
  constructor(plot) {
    this.plot = plot;
    this.svg = plot.querySelector("svg");
    this.data = JSON.parse(plot.dataset.hover);
    this.labels = this.data.labels.split("\n");
    this.at = -1;
    this.makeParts();
    plot.classList.add("chart-live");
    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    const title = this.svg.querySelector("title").textContent;
    plot.setAttribute("aria-label", `${title}: the arrow keys move through the values`);
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerdown", (event) => this.point(event));
    plot.addEventListener("pointerleave", () => this.hide());
    plot.addEventListener("blur", () => this.hide());
    plot.addEventListener("keydown", (event) => this.key(event));
  }

  makeParts() {
    const { top, height, series, stacked } = this.data;
    // Without it, only what is painted would feel the pointer.
    this.area = part("rect", { x: 0, y: top, width: "100%", height, fill: "transparent" });
    this.cursor = part("g", { class: "chart-cursor", visibility: "hidden" });
    this.cross = part("line", { class: "chart-cross", y1: top, y2: top + height });
    this.cursor.append(this.cross);
    this.dots = stacked ? [] : series.map(([, kind]) => part("circle", { r: 4, class: `chart-dot ${kind}` }));
    this.cursor.append(...this.dots);
    this.svg.append(this.area, this.cursor);
    this.tip = document.createElement("div");
    this.tip.className = "chart-tip";
    this.tip.hidden = true;
    this.tip.setAttribute("role", "status");
    this.plot.append(this.tip);
  }

  point(event) {
    const box = this.svg.getBoundingClientRect();
    this.show(Math.floor(((event.clientX - box.left) / box.width) * this.data.buckets));
  }

  key(event) {
    const last = this.labels.length - 1;
    const start = this.at < 0 ? last + 1 : this.at;
    const page = Math.max(1, Math.round(last / 10));
    const moves = {
      ArrowLeft: start - 1,
      ArrowRight: this.at < 0 ? 0 : start + 1,
      PageUp: start - page,
      PageDown: start + page,
      Home: 0,
      End: last,
    };
    if (event.key === "Escape") this.hide();
    else if (event.key in moves) this.show(moves[event.key]);
    else return;
    event.preventDefault();
  }

  show(wanted) {
    const at = Math.min(Math.max(wanted, 0), this.labels.length - 1);
    if (at === this.at) return;
    this.at = at;
    const { buckets, series, top, height, most } = this.data;
    const x = `${(100 * (at + 0.5)) / buckets}%`;
    this.cross.setAttribute("x1", x);
    this.cross.setAttribute("x2", x);
    this.dots.forEach((dot, place) => {
      dot.setAttribute("cx", x);
      dot.setAttribute("cy", top + height * (1 - series[place][2][at] / most));
    });
    this.cursor.setAttribute("visibility", "visible");
    this.fill(at);
    this.tip.hidden = false;
    this.place((at + 0.5) / buckets);
  }

  fill(at) {
    const { series, unit } = this.data;
    const label = document.createElement("p");
    label.textContent = this.labels[at];
    const list = document.createElement("ul");
    for (const [name, kind, values] of series.slice(0, MOST_SHOWN)) {
      const key = document.createElement("span");
      key.className = `chart-key ${kind}`;
      const value = document.createElement("b");
      value.textContent = numbers.format(values[at]);
      const item = document.createElement("li");
      item.append(key, series.length > 1 ? name : unit, " ", value);
      list.append(item);
    }
    this.tip.replaceChildren(label, list);
  }

  /** Stand beside the crosshair, on the side that has more room. */
  place(part) {
    const plot = this.plot.getBoundingClientRect();
    const svg = this.svg.getBoundingClientRect();
    const x = svg.left - plot.left + svg.width * part;
    const left = part > 0.5 ? x - this.tip.offsetWidth - 12 : x + 12;
    const room = plot.width - this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(0, Math.min(left, room))}px`;
    this.tip.style.top = `${svg.top - plot.top + 4}px`;
  }

  hide() {
    this.at = -1;
    this.cursor.setAttribute("visibility", "hidden");
    this.tip.hidden = true;
  }
}

function part(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

enhance();
