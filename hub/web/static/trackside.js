// "/" goes to the search; what is open or typed stays as it is while a page renews itself; a page
// hears over one stream that something has changed, and asks now and then where it can't.
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
  const busy = main.contains(document.activeElement) || main.querySelector("details[open]")
    || "held" in main.dataset || !getSelection().isCollapsed;
  if (event.target === main && (busy || document.hidden)) event.preventDefault();
});
let scrolled = [];
const boxes = () => [...document.querySelectorAll("main .scroll")];
document.addEventListener("htmx:beforeSwap", () => { scrolled = boxes().map((box) => box.scrollLeft); });
document.addEventListener("htmx:afterSettle", () => {
  boxes().forEach((box, n) => { if (scrolled[n]) box.scrollLeft = scrolled[n]; });
});
document.addEventListener("DOMContentLoaded", () => {
  const GATHER_MS = 400, POLL_MS = 15000;
  const renews = () => document.querySelector("main[hx-get], #lineage");
  if (!renews()) return;
  let stream = null, waiting = null;
  const renew = () => {
    const shown = document.getElementById("main");
    waiting ??= setTimeout(() => {
      waiting = null;
      const main = document.querySelector("main[hx-get]");
      if (main && window.htmx) htmx.trigger(main, "news");
      dispatchEvent(new Event("trackside:news"));
    }, Number(shown.dataset.gather) || GATHER_MS);
  };
  const listen = () => {
    if (document.hidden) {
      if (stream) stream.close();
      stream = null;
    } else if (!stream || stream.readyState === EventSource.CLOSED) {
      const again = stream !== null || listen.before;
      stream = new EventSource("live");
      stream.addEventListener("news", renew);
      if (again) renew();
      listen.before = true;
    }
  };
  setInterval(() => {
    if (!document.hidden && (!stream || stream.readyState !== EventSource.OPEN)) renew();
  }, POLL_MS);
  document.addEventListener("visibilitychange", listen);
  addEventListener("pagehide", () => stream && stream.close());
  addEventListener("pageshow", (event) => event.persisted && listen());
  listen();
});
