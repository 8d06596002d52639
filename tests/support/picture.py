"""A large picture of lineage in a browser: how it moves, and how soon a node is open in it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, Final

import httpx

from tests.support.browser import Browser
from tests.support.recording import run_event

BATCH: Final = 500
MOVES: Final = 90
_THERE: Final = "document.getElementById('lineage')?.dataset.nodes"

#: Moves the picture with a pointer, one step a frame, as a hand does; milliseconds of each frame.
DRAG: Final = """(() => {
  const canvas = document.getElementById('lineage'), frames = []; let last = null, n = 0;
  const at = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind,
    {pointerId: 1, clientX: x, clientY: y, bubbles: true}));
  canvas.setPointerCapture = () => {};
  at('pointerdown', 640, 400);
  window.frames_ = null;
  const step = (now) => {
    if (last !== null) frames.push(now - last);
    last = now;
    at('pointermove', 640 + 200 * Math.sin(n / 9), 400 + 120 * Math.cos(n / 7));
    if (++n < MOVES) requestAnimationFrame(step);
    else { at('pointerup', 640, 400); window.frames_ = frames; }
  };
  requestAnimationFrame(step);
})()""".replace("MOVES", str(MOVES))

#: Turns the wheel, in and out.
WHEEL: Final = """(() => {
  const canvas = document.getElementById('lineage'), frames = []; let last = null, n = 0;
  window.frames_ = null;
  const step = (now) => {
    if (last !== null) frames.push(now - last);
    last = now;
    canvas.dispatchEvent(new WheelEvent('wheel', {deltaY: n < MOVES / 2 ? -30 : 30, clientX: 640,
      clientY: 400, cancelable: true}));
    if (++n < MOVES) requestAnimationFrame(step);
    else window.frames_ = frames;
  };
  requestAnimationFrame(step);
})()""".replace("MOVES", str(MOVES))

#: Goes to the right edge and opens the node there; milliseconds until what is around it is drawn.
OPEN: Final = """(() => {
  const canvas = document.getElementById('lineage');
  const press = (key) => canvas.dispatchEvent(new KeyboardEvent('keydown', {key, cancelable: true}));
  for (let n = 0; n < 60; n++) press('ArrowRight');
  const before = Number(canvas.dataset.nodes), began = performance.now();
  window.opened_ = null;
  press('Enter');
  const look = (now) => {
    if (Number(canvas.dataset.nodes) > before) window.opened_ = now - began;
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()"""


def grown(layers: int, width: int) -> Iterator[dict[str, Any]]:
    """Jobs in layers, each of which reads two datasets of the layer before and writes one."""
    draw = random.Random(1)
    for layer in range(layers):
        for place in range(width):
            before = {f"d{layer - 1}_{each}" for each in (place, draw.randrange(width))}
            yield run_event(
                "COMPLETE",
                layer,
                layer * width + place + 1,
                job=f"warehouse_{layer}.step_{place}",
                inputs=sorted(before) if layer else ["source"],
                outputs=[f"d{layer}_{place}"],
            )


def send(url: str, layers: int, width: int) -> None:
    events = list(grown(layers, width))
    for start in range(0, len(events), BATCH):
        told = events[start : start + BATCH]
        httpx.post(f"{url}/api/v1/lineage/batch", json=told, timeout=60).raise_for_status()


def show(browser: Browser, url: str, layers: int, steps: int) -> int:
    """Opens the picture around the middle; how many nodes it has."""
    node = f"dataset:db:d{layers // 2}_1"
    browser.open(f"{url}/lineage?node={node}&up={steps}&down={steps}", until=_THERE)
    return int(browser.evaluate(_THERE))


def go_close(browser: Browser) -> None:
    """Until nodes can be read."""
    browser.evaluate("for (let n = 0; n < 14; n++) document.querySelector('[data-do=in]').click()")


def frames(browser: Browser, script: str) -> list[float]:
    """How long each frame took while it moved, in milliseconds."""
    browser.evaluate(f"{script}; 0")
    browser.wait("window.frames_", within_s=120)
    found: list[float] = json.loads(browser.evaluate("JSON.stringify(window.frames_)"))
    return found


def opened(browser: Browser) -> float:
    """How long it takes to open a node at the right edge, in milliseconds."""
    browser.evaluate(f"{OPEN}; 0")
    browser.wait("window.opened_ !== null", within_s=60)
    return float(browser.evaluate("window.opened_"))
