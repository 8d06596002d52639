"""What somebody in front of Chromium waits for: each page's first paint on a store of a given size,
frames while a large picture of lineage moves, and a node that is opened in it.

Without a graphics card: Chromium draws with the CPU, on which the hub runs as well.
"""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.fill import fill
from benchmarks.furnish import furnish
from benchmarks.pages import PAGES
from benchmarks.report import Section, table
from hub.store.db import Database
from tests.support import picture
from tests.support.browser import Browser
from tests.support.hub_process import HubProcess

WANTED_PAINT_MS: Final = 1000
WANTED_FRAMES: Final = 30
WANTED_OPEN_MS: Final = 300
_ROUNDS: Final = 5
#: Jobs of a layer of the picture.
WIDTH: Final = 90

_PAINTED: Final = """(() => {
  const [navigated] = performance.getEntriesByType('navigation');
  const [paint] = performance.getEntriesByName('first-contentful-paint');
  return [navigated.responseEnd, paint ? paint.startTime : null,
    Math.max(navigated.domContentLoadedEventEnd, paint ? paint.startTime : 0)];
})()"""


class Paint(NamedTuple):
    """Milliseconds from the click: until the answer was there, something was seen, all could be used."""

    answered: float
    painted: float
    ready: float


def paints(jobs: int) -> dict[str, list[Paint]]:
    """Of each page some openings by a browser, on SQLite."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        db = Database(f"sqlite:///{folder}/data/trackside.db", durable=False)
        world = fill(db, jobs)
        furnish(db, world)
        db.close()
        draw = random.Random(1)
        with HubProcess(folder) as hub, Browser(folder) as browser:
            browser.open(f"{hub.url}/")  # the files of the pages are kept from then on
            return {
                name: [_open(browser, hub.url, path(world, draw)) for _ in range(_ROUNDS)]
                for name, path in PAGES.items()
            }


def _open(browser: Browser, url: str, page: str) -> Paint:
    browser.open(f"{url}/{page}")
    browser.wait("performance.getEntriesByName('first-contentful-paint').length")
    return Paint(*browser.evaluate(_PAINTED))


class Lineage(NamedTuple):
    """nodes: that are shown; frames: milliseconds of each, by what is done; opened: a node."""

    nodes: int
    frames: dict[str, list[float]]
    opened: list[float]


def lineage(layers: int) -> Lineage:
    """So many layers before and behind, in a window of 1280 x 900."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with HubProcess(folder) as hub, Browser(folder) as browser:
            picture.send(hub.url, layers * 3 + 1, WIDTH)
            nodes = picture.show(browser, hub.url, layers * 3 + 1, layers)
            frames = {
                "all of it moves": picture.frames(browser, picture.DRAG),
                "it is zoomed": picture.frames(browser, picture.WHEEL),
            }
            picture.go_close(browser)
            frames["close by it moves"] = picture.frames(browser, picture.DRAG)
            opened = []
            for _ in range(_ROUNDS):
                picture.show(browser, hub.url, layers * 3 + 1, layers)
                opened.append(picture.opened(browser))
            return Lineage(nodes, frames, opened)


def run(*, full: bool) -> Iterator[Section]:
    """full: 100,000 jobs."""
    jobs = 100_000 if full else 20_000
    found = paints(jobs)
    name, worst = max(found.items(), key=lambda one: max(each.painted for each in one[1]))
    slowest = max(each.painted for each in worst)
    verdict = (
        f"slowest: {name}, first paint after {slowest:.0f} ms; wanted: under {WANTED_PAINT_MS}"
    )
    head = ["page", "answered, ms", "painted, ms", "ready, ms"]
    rows = [
        [name, *(f"{statistics.median(each):.0f}" for each in zip(*taken, strict=True))]
        for name, taken in found.items()
    ]
    notes = [f"The median of {_ROUNDS} openings; Chromium and the hub share the processors."]
    yield Section(f"First paint, {jobs:,} jobs, SQLite", [verdict], [table(head, rows)], notes)
    yield _lineage_section(lineage(20))


def _lineage_section(found: Lineage) -> Section:
    rates = {what: 1000 / statistics.median(each) for what, each in found.frames.items()}
    what, least = min(rates.items(), key=lambda one: one[1])
    opened = statistics.median(found.opened)
    verdicts = [
        f"slowest: {what}, {least:.0f} frames a second; wanted: {WANTED_FRAMES}",
        f"a node is open after {opened:.0f} ms; wanted: within {WANTED_OPEN_MS}",
    ]
    rows = [
        [what, f"{rates[what]:.0f}", f"{statistics.quantiles(each, n=20)[-1]:.0f}"]
        for what, each in found.frames.items()
    ]
    head = ["", "frames a second", "p95 of a frame, ms"]
    return Section(f"Lineage of {found.nodes:,} nodes", verdicts, [table(head, rows)])
