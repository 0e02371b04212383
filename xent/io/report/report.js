"use strict";
// The page says everything without this script, which only adds sorting, filtering and a look at single points of the figures. It takes
// all it knows from the tables of the page and never makes markup of text.

function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Sorting -----------------------------------------------------------------------------------------------------------------------------

const collator = new Intl.Collator("en", { numeric: true });

function compareCells(one, other) {
  const [first, second] = [one, other].map((cell) => (cell.dataset.sort === undefined ? null : Number(cell.dataset.sort)));
  if (first !== null && second !== null) return first - second;
  return collator.compare(one.textContent, other.textContent);
}

function isEmpty(cell) {
  return cell.dataset.sort === "nan" || (cell.dataset.sort === undefined && cell.textContent === "");
}

function sortBy(table, header, place) {
  const direction = header.ariaSort === "ascending" ? "descending" : "ascending";
  for (const other of header.parentNode.cells) other.ariaSort = "none";
  header.ariaSort = direction;
  const sign = direction === "ascending" ? 1 : -1;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  // What has no value stands last in both directions.
  rows.sort((one, other) => {
    const cells = [one.cells[place], other.cells[place]];
    const empty = cells.map(isEmpty);
    return empty[0] || empty[1] ? empty[0] - empty[1] : sign * compareCells(...cells);
  });
  body.append(...rows);
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((header, place) => {
    const button = make("button", { type: "button" }, ...header.childNodes);
    button.addEventListener("click", () => sortBy(table, header, place));
    header.append(button);
    header.ariaSort = "none";
  });
}

// Filtering ---------------------------------------------------------------------------------------------------------------------------

const FEW_ROWS = 5;

function makeFilterable(table) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length <= FEW_ROWS) return;
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const count = make("output", {});
  const field = make("input", { type: "search", placeholder: "Filter rows" });
  field.setAttribute("aria-label", "Filter the rows of: " + table.caption.textContent);
  const tell = (shown) => (count.textContent = `${shown} of ${rows.length} rows`);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = texts.map((text) => words.every((word) => text.includes(word)));
    rows.forEach((row, place) => (row.hidden = !fits[place]));
    tell(fits.filter(Boolean).length);
  });
  tell(rows.length);
  const frame = table.closest(".scroll");
  frame.before(make("div", { className: "filter" }, field, count));
}

// Figures -----------------------------------------------------------------------------------------------------------------------------

function makeExplorable(plot) {
  const table = plot.parentNode.querySelector("table");
  const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  const points = [];
  for (const row of table.tBodies[0].rows) {
    row.dataset.points.split(" ").forEach((text, series) => {
      const [x, y] = text.split(",").map(Number);
      points.push({ x, y, row, series });
    });
  }
  const svg = plot.querySelector("svg");
  const cursor = svg.querySelector(".cursor");
  const tip = make("output", { className: "tip", hidden: true });
  plot.append(tip);
  plot.tabIndex = 0;
  plot.role = "group";
  plot.ariaLabel = "Points of " + plot.dataset.plot + "; the arrow keys go from one to the next";
  let current = -1;

  function show(place) {
    current = place;
    const point = points[place];
    cursor.setAttribute("cx", point.x);
    cursor.setAttribute("cy", point.y);
    const pairs = [...point.row.cells].map((cell, at) => make("div", {}, make("span", {}, names[at]), make("b", {}, cell.textContent)));
    tip.replaceChildren(...pairs);
    tip.hidden = false;
    const box = svg.viewBox.baseVal;
    tip.classList.toggle("left", point.x > box.width / 2);
    tip.classList.toggle("above", point.y > box.height / 2);
    // Positions set through the object model are no inline style that the policy would refuse.
    tip.style.setProperty("--x", `${(100 * point.x) / box.width}%`);
    tip.style.setProperty("--y", `${(100 * point.y) / box.height}%`);
  }

  function hide() {
    current = -1;
    tip.hidden = true;
    cursor.setAttribute("cx", -20);
  }

  function nearest(event) {
    const matrix = svg.getScreenCTM().inverse();
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    const distances = points.map((point) => Math.hypot(point.x - x, point.y - y));
    show(distances.indexOf(Math.min(...distances)));
  }

  plot.addEventListener("pointermove", nearest);
  plot.addEventListener("pointerdown", nearest);
  plot.addEventListener("pointerleave", hide);
  plot.addEventListener("blur", hide);
  plot.addEventListener("keydown", (event) => {
    const last = points.length - 1;
    const places = { ArrowRight: Math.min(current + 1, last), ArrowLeft: Math.max(current - 1, 0), Home: 0, End: last };
    if (event.key === "Escape") hide();
    if (!(event.key in places)) return;
    event.preventDefault();
    show(places[event.key]);
  });
}

document.querySelectorAll("table[data-filterable]").forEach(makeFilterable);
document.querySelectorAll("table[data-sortable]").forEach(makeSortable);
document.querySelectorAll("[data-plot]").forEach(makeExplorable);
