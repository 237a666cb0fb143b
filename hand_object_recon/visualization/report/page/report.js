"use strict";
// Contents, tables, charts and pictures of the report. Every text is set as text, never as HTML.

const root = document.documentElement;

window.addEventListener("error", (event) => {
  root.dataset.errors = `${root.dataset.errors ?? ""}${event.message}\n`;
  const line = make("p", "failure", `A part of this page does not work here: ${event.message}`);
  document.querySelector(".head").append(line);
});

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function readJson(parent) {
  return JSON.parse(parent.querySelector('script[type="application/json"]').textContent);
}

// ---- contents: the section being read is marked

function followReader() {
  const links = new Map();
  for (const link of document.querySelectorAll(".contents a")) {
    links.set(document.querySelector(link.getAttribute("href")), link);
  }
  const mark = () => {
    const sections = [...links.keys()];
    const isAtEnd = window.innerHeight + window.scrollY >= document.body.scrollHeight - 4;
    const passed = sections.filter((section) => section.getBoundingClientRect().top < 140);
    const current = isAtEnd && window.scrollY > 0 ? sections.at(-1) : passed.at(-1) ?? sections[0];
    for (const [section, link] of links) {
      if (section !== current) link.removeAttribute("aria-current");
      else if (!link.hasAttribute("aria-current")) {
        link.setAttribute("aria-current", "true");
        const list = link.closest("ol");
        list.scrollLeft = link.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
      }
    }
  };
  window.addEventListener("scroll", mark, { passive: true });
  mark();
}

// ---- tables: a click on a heading sorts, what was not measured stays last

function makeSortable(table) {
  table.querySelectorAll("thead button").forEach((button, column) => {
    button.addEventListener("click", () => sortBy(table, column, button.dataset.sort));
  });
}

function sortBy(table, column, kind) {
  const heads = [...table.querySelectorAll("thead th")];
  const isRising = heads[column].getAttribute("aria-sort") !== "ascending";
  heads.forEach((head) => head.setAttribute("aria-sort", "none"));
  heads[column].setAttribute("aria-sort", isRising ? "ascending" : "descending");
  const sign = isRising ? 1 : -1;
  const key = (row) => row.cells[column]?.dataset.value ?? "";
  const rows = [...table.tBodies[0].rows].sort((first, second) => {
    if (kind === "text") {
      const [a, b] = [first, second].map((row) => row.cells[0].textContent);
      return sign * a.localeCompare(b, "en", { numeric: true });
    }
    if (key(first) === "" || key(second) === "") return (key(first) === "") - (key(second) === "");
    return sign * (Number(key(first)) - Number(key(second)));
  });
  table.tBodies[0].append(...rows);
}

// ---- charts: the legend shows and hides, the pointer reads values

const tip = document.querySelector(".tip");

function showTip(x, y) {
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 16 + width > window.innerWidth ? x - 16 - width : x + 16;
  tip.style.left = `${Math.max(6, left)}px`;
  tip.style.top = `${Math.min(Math.max(6, y - height / 2), window.innerHeight - height - 6)}px`;
}

function connectLegend(chart) {
  const partsOf = (series) => chart.querySelectorAll(`[data-of="${series}"]`);
  for (const button of chart.querySelectorAll(".legend button")) {
    const { series } = button.dataset;
    button.addEventListener("click", () => {
      const isShown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(isShown));
      partsOf(series).forEach((part) => part.classList.toggle("off", !isShown));
    });
    const fadeOthers = (isFaded) => {
      const isShown = button.getAttribute("aria-pressed") === "true";
      for (const part of chart.querySelectorAll("[data-of]")) {
        part.classList.toggle("faded", isFaded && isShown && part.dataset.of !== series);
      }
    };
    button.addEventListener("pointerenter", () => fadeOthers(true));
    button.addEventListener("pointerleave", () => fadeOthers(false));
  }
}

function connectCurves(plot) {
  const { x: xName, series } = readJson(plot);
  const places = [...new Set(series.flatMap((one) => one.at))].sort((a, b) => a - b);
  if (!places.length) return;
  const chart = plot.closest(".chart");
  const cross = make("div", "cross");
  const dots = make("div");
  cross.hidden = true;
  plot.append(cross, dots);
  let current = 0;

  const isOff = (index) => chart.querySelector(`[data-of="${index}"]`)?.classList.contains("off");
  const hide = () => {
    cross.hidden = tip.hidden = true;
    dots.replaceChildren();
  };
  const show = (place) => {
    current = place;
    const share = places[place];
    cross.hidden = false;
    cross.style.left = `${100 * share}%`;
    tip.replaceChildren();
    dots.replaceChildren();
    series.forEach((one, index) => {
      const point = one.at.indexOf(share);
      if (point < 0 || isOff(index)) return;
      if (!tip.childElementCount) tip.append(make("b", "", `${xName} ${one.x[point]}`));
      const line = make("span");
      const text = series.length > 1 ? `${one.name}: ${one.text[point]}` : one.text[point];
      line.append(make("i", one.style), document.createTextNode(text));
      tip.append(line);
      if (one.height[point] === null) return;
      const dot = make("div", `cross-dot ${one.style}`);
      dot.style.left = `${100 * share}%`;
      dot.style.top = `${100 * one.height[point]}%`;
      dots.append(dot);
    });
    const box = plot.getBoundingClientRect();
    if (tip.childElementCount) showTip(box.left + share * box.width, box.top + box.height / 3);
    else hide();
  };
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    show(nearest(places, (event.clientX - box.left) / box.width));
  });
  plot.addEventListener("pointerleave", hide);
  plot.addEventListener("blur", hide);
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(Math.min(Math.max(cross.hidden ? current : current + step, 0), places.length - 1));
  });
}

function nearest(rising, value) {
  let low = 0;
  let high = rising.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (rising[middle] < value) low = middle;
    else high = middle;
  }
  return Math.abs(rising[low] - value) <= Math.abs(rising[high] - value) ? low : high;
}

function connectBars(plot) {
  for (const group of plot.querySelectorAll("[data-tip]")) {
    group.addEventListener("pointermove", (event) => {
      const [title, ...lines] = group.dataset.tip.split("\n");
      tip.replaceChildren(make("b", "", title), document.createTextNode(lines.join("\n")));
      showTip(event.clientX, event.clientY);
    });
    group.addEventListener("pointerleave", () => (tip.hidden = true));
  }
}

// ---- pictures: a click shows one large

function connectPictures() {
  const dialog = document.querySelector(".large");
  const [large, caption] = [dialog.querySelector("img"), dialog.querySelector("p")];
  for (const button of document.querySelectorAll(".enlarge")) {
    button.addEventListener("click", () => {
      const image = button.querySelector("img");
      large.src = image.src;
      large.alt = caption.textContent = image.alt;
      large.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
      dialog.showModal();
    });
  }
  dialog.addEventListener("click", () => dialog.close());
}

followReader();
document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll(".chart").forEach(connectLegend);
document.querySelectorAll(".plot.lines").forEach(connectCurves);
document.querySelectorAll(".plot.bars").forEach(connectBars);
connectPictures();
