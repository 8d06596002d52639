// Two clicks in a grid of partitions choose a range; what is latest is in sight at first.
"use strict";
const chosen = { from: null };

function mark(form, first, last) {
  document.getElementById("main").dataset.held = "";  // what somebody chooses is not drawn anew
  form.elements.first.value = first;
  form.elements.last.value = last;
  for (const cell of document.querySelectorAll("svg.partitions .cell[data-day]")) {
    const day = cell.dataset.day;
    cell.classList.toggle("chosen", first <= day && day <= last);
  }
}

document.addEventListener("click", (event) => {
  const cell = event.target.closest("svg.partitions .cell[data-day]");
  const form = document.querySelector("form.range");
  if (!cell || !form) return;
  const day = cell.dataset.day;
  const [first, last] = [chosen.from ?? day, day].sort();
  chosen.from = chosen.from === null ? day : null;
  mark(form, first, last);
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form.range");
  if (form && form.elements.first.value && form.elements.last.value)
    mark(form, form.elements.first.value, form.elements.last.value);
});

function lookAt() {
  for (const box of document.querySelectorAll(".to-the-end")) box.scrollLeft = box.scrollWidth;
  for (const box of document.querySelectorAll("[data-middle]"))
    box.scrollLeft = (box.scrollWidth - box.clientWidth) / 2;
}
lookAt();
