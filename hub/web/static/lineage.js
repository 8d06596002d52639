// The picture of lineage: drawn on a canvas, only what is in sight; the address holds what is shown.
"use strict";
(() => {
  const canvas = document.getElementById("lineage");
  const about = document.getElementById("about");
  const pen = canvas.getContext("2d");
  const WIDE = 200, TALL = 34;
  const MOST_LISTED = 500, MANY = 800;
  let picture = ready({ nodes: [], lines: [] }), chosen = null, asked = 0;
  let view = { x: 0, y: 0, zoom: 1 }, drawing = false, colours = {};
  let query = new URLSearchParams(location.search);

  const one = (id) => picture.known.get(id);

  // What each frame needs is found once: nodes by their ids, and the nodes of each line.
  function ready(found) {
    found.known = new Map(found.nodes.map((node) => [node.id, node]));
    found.links = found.lines.map(([from, to]) => [found.nodes[from], found.nodes[to]]);
    return found;
  }

  // -- what is shown ---------------------------------------------------------------------------

  async function load(keep) {
    const mine = ++asked;
    let found;
    try {
      const answer = await fetch("lineage-graph?" + query, { headers: { accept: "application/json" } });
      found = await answer.json();
      if (!answer.ok) throw new Error(found.detail || found.title || String(answer.status));
    } catch (error) {
      if (mine === asked) about.textContent = "This can't be shown: " + error.message;
      return;
    }
    if (mine !== asked) return;
    const before = keep && chosen && one(chosen);
    picture = ready(found);
    const after = before && one(chosen);
    if (after) { view.x += (before.x - after.x) * view.zoom; view.y += (before.y - after.y) * view.zoom; }
    else { chosen = (found.nodes.find((node) => node.here) || found.nodes[0] || {}).id; fit(); }
    list(); tell(); draw();
    canvas.dataset.nodes = found.nodes.length;
  }

  function go(change) {
    change(query);
    history.pushState(null, "", "?" + query);
    return load(true);
  }

  function toggle(name, id) {
    return go((to) => {
      const held = to.getAll(name);
      to.delete(name);
      for (const each of held.includes(id) ? held.filter((x) => x !== id) : [...held, id]) to.append(name, each);
    });
  }

  function open(node) {
    if (node.kind !== "job" && node.kind !== "dataset") { toggle("apart", node.id); return; }
    const closing = query.getAll("open").includes(node.id);
    const all = toggle("open", node.id);
    if (!closing && picture.nodes.length > MANY) beside(node, all).catch(() => all);  // which tells what is wrong
  }

  // Of a large picture what is around a node is shown at once, beside it, until all of it is placed.
  async function beside(node, all) {
    const mine = asked, to = new URLSearchParams({ node: node.id, up: 1, down: 1 });
    if (query.get("asOf")) to.set("asOf", query.get("asOf"));
    const answer = await Promise.race([fetch("lineage-graph?" + to), all]);
    if (!answer || !answer.ok) return;
    const near = await answer.json(), home = near.nodes.find((each) => each.here);
    if (mine !== asked || !home) return;
    const fresh = near.nodes.filter((each) => !one(each.id));
    for (const each of fresh) Object.assign(each, { x: node.x + each.x - home.x, y: node.y + each.y - home.y, here: false });
    const nodes = [...picture.nodes, ...fresh], place = new Map(nodes.map((each, n) => [each.id, n]));
    const lines = near.lines.map((ends) => ends.map((end) => place.get(near.nodes[end].id)));
    picture = ready({ ...picture, nodes, lines: [...picture.lines, ...lines] });
    tell(); draw();
    canvas.dataset.nodes = nodes.length;
  }

  // -- telling ---------------------------------------------------------------------------------

  function add(parent, tag, text, set) {
    const made = parent.appendChild(Object.assign(document.createElement(tag), set || {}));
    made.textContent = text;
    return made;
  }

  function tell() {
    const node = one(chosen);
    about.replaceChildren();
    if (!node) return;
    if (node.href) add(about, "a", node.name, { href: node.href });
    else add(about, "strong", node.name);
    const told = [node.kind, node.space, node.team && "team " + node.team, node.many > 1 && node.many + " things",
      node.state && node.state.toLowerCase(), node.wrong && "an open incident", node.columns && "columns " + node.columns.join(", ")];
    add(about, "div", told.filter(Boolean).join(" · "), { className: "soft small" });
    if (node.more || node.many > 1) add(about, "button", "Show what is around it", { type: "button" }).addEventListener("click", () => open(node));
    if (!node.here && node.href) {
      add(about, "button", "From here", { type: "button" }).addEventListener("click", () => {
        location.search = new URLSearchParams({ node: node.id });
      });
      add(about, "button", "The way here", { type: "button" }).addEventListener("click", () => go((to) => to.set("to", node.id)));
    }
    if (query.get("to") && !picture.found) add(about, "div", "There is no way between the two.", { className: "small" });
    if (picture.truncated) add(about, "div", "There is more; the nearest are shown.", { className: "small" });
  }

  function list() {
    const listed = document.getElementById("listed"), known = document.getElementById("known");
    listed.replaceChildren(); known.replaceChildren();
    for (const node of picture.nodes.slice(0, MOST_LISTED)) {
      const item = add(listed, "li", "");
      if (node.href) add(item, "a", node.name, { href: node.href });
      else add(item, "span", node.name);
      add(item, "span", [" ", node.kind, node.state && node.state.toLowerCase(), node.wrong && "open incident"].filter(Boolean).join(" "), { className: "soft small" });
      if (node.href) add(known, "option", node.name, { value: node.id });
    }
    if (picture.nodes.length > MOST_LISTED) add(listed, "li", "and " + (picture.nodes.length - MOST_LISTED) + " more");
    hit();
  }

  function hit() {
    const sheet = document.getElementById("hit"), listed = document.getElementById("hit-list"), column = query.get("column");
    sheet.hidden = !column || query.has("asOf");
    if (sheet.hidden) return;
    listed.replaceChildren();
    document.getElementById("hit-told").textContent = picture.hit.length
      ? "Made of or from " + column + ", in what is shown; teams: " + picture.hit.map((hit) => hit.team || "nobody's").filter((team, n, all) => all.indexOf(team) === n).join(", ") + "."
      : "Nothing that is known is made of " + column + ".";
    for (const each of picture.hit) {
      const item = add(listed, "li", "");
      add(item, "a", each.name, { href: each.href });
      add(item, "span", " " + [each.columns.join(", "), each.team && "team " + each.team, each.jobs.length && "read by " + each.jobs.join(", ")].filter(Boolean).join(" · "), { className: "soft small" });
    }
  }

  // -- drawing ---------------------------------------------------------------------------------

  function paint() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["ground", "sheet", "edge", "ink", "soft", "link", "good", "bad", "run", "late", "none", "run-sheet", "bad-sheet", "none-sheet"]) {
      colours[name] = style.getPropertyValue("--" + name).trim();
    }
  }
  const light = { COMPLETED: "good", FAILED: "bad", RUNNING: "run", ABORTED: "late" };

  function draw() {
    if (!drawing) { drawing = true; requestAnimationFrame(() => { drawing = false; frame(); }); }
  }

  function frame() {
    const sharp = devicePixelRatio || 1, wide = canvas.clientWidth, tall = canvas.clientHeight;
    if (canvas.width !== Math.round(wide * sharp) || canvas.height !== Math.round(tall * sharp)) {
      canvas.width = Math.round(wide * sharp); canvas.height = Math.round(tall * sharp);
    }
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.clearRect(0, 0, wide, tall);
    pen.translate(wide / 2 + view.x, tall / 2 + view.y);
    pen.scale(view.zoom, view.zoom);
    const left = (-wide / 2 - view.x) / view.zoom - WIDE, right = (wide / 2 - view.x) / view.zoom + WIDE;
    const top = (-tall / 2 - view.y) / view.zoom - TALL, bottom = (tall / 2 - view.y) / view.zoom + TALL;
    const seen = (node) => node.x > left && node.x < right && node.y > top && node.y < bottom;
    lines(left, right, top, bottom);
    const column = query.get("column");
    for (const node of picture.nodes) if (seen(node)) box(node, column);
  }

  function lines(left, right, top, bottom) {
    const strong = [];
    pen.beginPath();
    for (const link of picture.links) {
      const [a, b] = link;
      if (Math.max(a.x, b.x) < left || Math.min(a.x, b.x) > right || Math.max(a.y, b.y) < top || Math.min(a.y, b.y) > bottom) continue;
      if ((a.way && b.way) || a.id === chosen || b.id === chosen) strong.push(link);
      else curve(a, b);
    }
    stroke(colours.none, query.get("column") ? 0.35 : 0.7, 1.2);
    pen.beginPath();
    for (const [a, b] of strong) curve(a, b);
    stroke(colours.link, 1, 2);
    pen.globalAlpha = 1;
  }

  function curve(a, b) {
    const x1 = a.x + WIDE / 2, x2 = b.x - WIDE / 2, bend = Math.max(24, (x2 - x1) / 2);
    pen.moveTo(x1, a.y);
    if (view.zoom < 0.25) pen.lineTo(x2, b.y);
    else pen.bezierCurveTo(x1 + bend, a.y, x2 - bend, b.y, x2, b.y);
  }

  function stroke(colour, alpha, wide) {
    pen.strokeStyle = colour;
    pen.globalAlpha = alpha;
    pen.lineWidth = wide / Math.max(view.zoom, 0.4);
    pen.stroke();
  }

  function box(node, column) {
    const x = node.x - WIDE / 2, y = node.y - TALL / 2, data = node.kind === "dataset";
    const dim = column && !node.columns && !node.here && data;
    pen.globalAlpha = dim ? 0.4 : 1;
    if (view.zoom < 0.25) {
      pen.fillStyle = node.wrong ? colours.bad : colours[light[node.state]] || (data ? colours.run : colours.none);
      pen.fillRect(x, y, WIDE, TALL);
      pen.globalAlpha = 1;
      return;
    }
    pen.beginPath();
    pen.roundRect(x, y, WIDE, TALL, data ? TALL / 2 : 5);
    pen.fillStyle = node.wrong ? colours["bad-sheet"] : data ? colours["run-sheet"] : node.many > 1 ? colours["none-sheet"] : colours.sheet;
    pen.fill();
    pen.strokeStyle = node.wrong ? colours.bad : node.id === chosen ? colours.link : node.here ? colours.ink : data ? colours.run : colours.none;
    pen.lineWidth = node.id === chosen || node.here ? 2.5 : 1;
    pen.stroke();
    let at = x + 14;
    if (!data) {
      pen.beginPath(); pen.arc(x + 15, node.y, 5, 0, 7);
      pen.fillStyle = colours[light[node.state]] || colours["none-sheet"];
      pen.fill();
      at = x + 28;
    }
    const marks = (node.more ? 16 : 0) + (node.many > 1 ? 30 : 0);
    pen.fillStyle = colours.ink;
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    const told = node.columns ? node.name.split(".").pop() + ": " + node.columns.join(", ") : node.name;
    pen.fillText(cut(told, WIDE - (at - x) - 12 - marks, !!node.columns), at, node.y);
    pen.fillStyle = colours.soft;
    if (node.many > 1) pen.fillText("× " + node.many, x + WIDE - 38, node.y);
    if (node.more) pen.fillText("+", x + WIDE - 18, node.y);
    pen.globalAlpha = 1;
  }

  const cuts = new Map();
  function cut(text, room, end) {
    const key = text + room;
    if (!cuts.has(key)) {
      let told = text;
      for (let n = 1; pen.measureText(told).width > room && n < text.length; n++) {
        told = end ? text.slice(0, -n) + "…" : "…" + text.slice(n);
      }
      cuts.set(key, told);
    }
    return cuts.get(key);
  }

  // -- moving ----------------------------------------------------------------------------------

  function fit() {
    const xs = picture.nodes.map((node) => node.x), ys = picture.nodes.map((node) => node.y);
    if (!xs.length) return;
    const least = (values) => values.reduce((a, b) => Math.min(a, b)), most = (values) => values.reduce((a, b) => Math.max(a, b));
    const wide = most(xs) - least(xs) + WIDE + 60, tall = most(ys) - least(ys) + TALL + 60;
    view.zoom = Math.min(1.15, canvas.clientWidth / wide, canvas.clientHeight / tall);
    view.x = -(most(xs) + least(xs)) / 2 * view.zoom;
    view.y = -(most(ys) + least(ys)) / 2 * view.zoom;
    if (view.zoom < 0.55 && picture.nodes.length < 400) near(0.7);
    draw();
  }

  function near(zoom) {
    const node = one(chosen);
    if (!node) return;
    view = { zoom, x: -node.x * zoom, y: -node.y * zoom };
  }

  function zoomed(by, x = 0, y = 0) {
    const to = Math.min(3, Math.max(0.02, view.zoom * by)), real = to / view.zoom;
    view = { zoom: to, x: x - (x - view.x) * real, y: y - (y - view.y) * real };
    draw();
  }

  function under(event) {
    const box = canvas.getBoundingClientRect();
    const x = (event.clientX - box.left - box.width / 2 - view.x) / view.zoom;
    const y = (event.clientY - box.top - box.height / 2 - view.y) / view.zoom;
    return picture.nodes.find((node) => Math.abs(node.x - x) < WIDE / 2 && Math.abs(node.y - y) < TALL / 2);
  }

  const fingers = new Map();
  let moved = false;
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event);
    canvas.setPointerCapture(event.pointerId);
    moved = false;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) { canvas.classList.toggle("over", !!under(event)); return; }
    if (fingers.size === 1) {
      const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
      if (!moved && Math.hypot(dx, dy) < 4) return;
      view.x += dx; view.y += dy;
    } else {
      const [other] = [...fingers.values()].filter((each) => each.pointerId !== event.pointerId);
      const far = (a) => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY) || 1;
      zoomed(far(event) / far(before));
    }
    moved = true;
    fingers.set(event.pointerId, event);
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    fingers.delete(event.pointerId);
    const node = !moved && under(event);
    if (!node) return;
    if (node.id === chosen) open(node);
    else { chosen = node.id; tell(); draw(); }
  });
  canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoomed(Math.exp(-event.deltaY / 400), event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2);
  }, { passive: false });

  function step(dx, dy) {
    const from = one(chosen);
    if (!from) return;
    let best = null, least = Infinity;
    for (const node of picture.nodes) {
      const x = (node.x - from.x) * (dx || 1), y = (node.y - from.y) * (dy || 1);
      const ahead = dx ? x : y, aside = Math.abs(dx ? y : x);
      if (node !== from && ahead > 4 && ahead + aside * 3 < least) { best = node; least = ahead + aside * 3; }
    }
    if (!best) return;
    chosen = best.id;
    const x = best.x * view.zoom + view.x, y = best.y * view.zoom + view.y;
    if (Math.abs(x) > canvas.clientWidth / 2 - 120 || Math.abs(y) > canvas.clientHeight / 2 - 40) near(view.zoom);
    tell(); draw();
  }
  const keys = {
    ArrowLeft: () => step(-1, 0), ArrowRight: () => step(1, 0), ArrowUp: () => step(0, -1), ArrowDown: () => step(0, 1),
    Enter: () => one(chosen) && open(one(chosen)),
    o: () => { const node = one(chosen); if (node && node.href) location.href = node.href; },
    "+": () => zoomed(1.25), "=": () => zoomed(1.25), "-": () => zoomed(0.8), 0: fit,
  };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  document.querySelector(".tools").addEventListener("click", (event) => {
    const what = event.target.dataset.do;
    if (what) ({ in: () => zoomed(1.25), out: () => zoomed(0.8), fit })[what]();
  });
  document.getElementById("asked").addEventListener("submit", (event) => {
    for (const field of event.target.elements) if (!field.value) field.disabled = true;
  });

  addEventListener("popstate", () => { query = new URLSearchParams(location.search); load(true); });
  addEventListener("trackside:news", () => { if (!document.hidden && !query.get("asOf")) load(true); });
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { paint(); draw(); });
  paint();
  load(false);
})();
