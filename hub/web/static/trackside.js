// "/" goes to the search; what is open or typed stays as it is while a page renews itself.
"use strict";
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    document.getElementById("seek").focus();
  }
});
document.addEventListener("htmx:beforeRequest", (event) => {
  const main = document.querySelector("main");
  const busy = main.contains(document.activeElement) || main.querySelector("details[open]");
  if (event.target === main && (busy || document.hidden)) event.preventDefault();
});
