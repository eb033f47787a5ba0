"use strict";
// Tables: a click on a column's name sorts by it, a second one the other way round.
function keyOf(cell) {
  if (cell.dataset.key === undefined) return cell.textContent.trim().toLowerCase();
  const key = cell.dataset.key;
  return key === "inf" ? Infinity : key === "-inf" ? -Infinity : Number(key);
}
function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}
function sortBy(table, column, descending) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => [keyOf(row.cells[column]), row]);
  const missing = (key) => Number.isNaN(key) || key === "" || key === "-";
  rows.sort(([a], [b]) => {
    if (missing(a) || missing(b)) return missing(a) - missing(b); // what is not known comes last
    return descending ? compare(b, a) : compare(a, b);
  });
  body.append(...rows.map(([, row]) => row));
  Array.from(table.tHead.rows[0].cells).forEach((cell) => cell.removeAttribute("aria-sort"));
  table.tHead.rows[0].cells[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
}
for (const table of document.querySelectorAll("table.sortable")) {
  table.tHead.addEventListener("click", (event) => {
    const cell = event.target.closest("th");
    if (!cell || !event.target.closest("button")) return;
    sortBy(table, cell.cellIndex, cell.getAttribute("aria-sort") === "ascending");
  });
}
// The filter keeps the rows, and the small pictures, that have every word; a number has to be there
// as it is, since nearly every row has a 1 somewhere in its digits. The row's own number is left out.
function has(text, word) {
  if (!/^[\d.]+$/.test(word)) return text.includes(word);
  return text.split(/\s+/).includes(word);
}
for (const field of document.querySelectorAll("input[data-filter]")) {
  const rows = Array.from(document.querySelectorAll(`${field.dataset.filter} tbody tr`));
  const wordsOf = (row) => Array.from(row.cells, (cell) => cell.textContent).slice(1).join(" ");
  const texts = new Map(rows.map((row) => [row, wordsOf(row).toLowerCase()]));
  const count = document.querySelector(`output[data-count="${field.dataset.filter}"]`);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => has(texts.get(row), word));
      shown += row.hidden ? 0 : 1;
      const small = document.querySelector(`.gallery a[data-of="${row.cells[0].textContent}"]`);
      if (small) small.hidden = row.hidden;
    }
    count.textContent = words.length ? `${shown} of ${rows.length}` : "";
  });
}
// Values under the pointer, or the finger.
const tip = document.getElementById("tip");
function point(event) {
  const mark = event.target.closest ? event.target.closest("[data-tip]") : null;
  tip.hidden = !mark;
  if (!mark) return;
  tip.textContent = mark.dataset.tip;
  const x = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
  const above = event.clientY - tip.offsetHeight - 12;
  tip.style.left = `${Math.max(4, x)}px`;
  tip.style.top = `${above > 44 ? above : event.clientY + 16}px`;
}
document.addEventListener("pointermove", point);
document.addEventListener("pointerdown", point);
document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
// A link to a curve unfolds it; so does printing, for all of them.
function unfold() {
  const part = location.hash && document.getElementById(location.hash.slice(1));
  if (part && part.tagName === "DETAILS") part.open = true;
}
window.addEventListener("hashchange", unfold);
unfold();
for (const row of document.querySelectorAll("#verdicts tbody tr")) {
  const cell = row.cells[0];
  const link = document.createElement("a");
  link.href = `#curve-${cell.textContent}`;
  link.textContent = cell.textContent;
  cell.replaceChildren(link);
}
let folded = [];
window.addEventListener("beforeprint", () => {
  folded = Array.from(document.querySelectorAll("details:not([open])"));
  folded.forEach((part) => { part.open = true; });
});
window.addEventListener("afterprint", () => { folded.forEach((part) => { part.open = false; }); });
