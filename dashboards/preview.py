"""python -m dashboards.preview PROMETHEUS HUB FOLDER: each dashboard as a picture, from real answers.

A picture is an SVG of its own, for people to look at where there is no Grafana: its form is ours,
its queries, units, colours and places are those of the dashboard.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Final

from dashboards import GENERATED
from dashboards.asking import Answer, Asking, choose, panels_of, plain

CELL: Final = 52  # pixels of one of 24 columns
LINE: Final = 32  # of one unit of height
GAP: Final = 8
MARGIN: Final = 16
HEAD: Final = 64
COLORS: Final = (
    "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#b877d9", "#5794f2", "#fade2a",
    "#96d98d", "#ffa6b0", "#c0d8ff", "#ffcb7d",
)  # fmt: skip
NAMED: Final = {
    "green": "#73bf69",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#8ab8ff",
    "purple": "#b877d9",
}
STATES: Final = {
    "COMPLETED": "#73bf69", "FAILED": "#f2495c", "ABORTED": "#b877d9", "RUNNING": "#8ab8ff",
    "NEW": "#8e8e9a", "kept": "#73bf69", "broken": "#f2495c", "critical": "#c4162a",
    "error": "#f2495c", "warning": "#ff9830", "info": "#8ab8ff", "complete": "#73bf69",
    "failed": "#f2495c", "missing": "#ff9830", "stale": "#ff9830", "running": "#8ab8ff",
}  # fmt: skip
#: Of so many series the names are written below a picture.
MOST_NAMES: Final = 6

Points = list[tuple[float, float]]
Box = tuple[float, float, float, float]
"""x, y, width, height."""


def picture(board: Mapping[str, Any], answers: Sequence[Answer], end: float) -> str:
    """The whole dashboard as an SVG."""
    bottom = max(_box(panel)[1] + _box(panel)[3] for panel in board["panels"])
    width, height = 24 * CELL + 2 * MARGIN, bottom + MARGIN
    at = datetime.fromtimestamp(end, UTC)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" '
            f'font-family="Inter, Helvetica, Arial, sans-serif" font-size="12">'
        ),
        f'<rect width="{width}" height="{height:.0f}" fill="#111217"/>',
        _text(MARGIN, 30, board["title"], "#ffffff", size=20),
        _text(MARGIN, 50, board["description"], "#9fa7b3"),
        _text(width - MARGIN, 30, f"{at:%Y-%m-%d %H:%M} UTC", "#9fa7b3", anchor="end"),
    ]
    for panel in board["panels"]:
        if panel["type"] == "row":
            x, y, _, _ = _box(panel)
            parts.append(_text(x, y + 20, panel["title"], "#ccccdc", size=15))
    parts += [line for answer in answers for line in _panel(answer)]
    return "\n".join([*parts, "</svg>\n"])


def _box(panel: Mapping[str, Any]) -> Box:
    place = panel["gridPos"]
    x, y = MARGIN + place["x"] * CELL, HEAD + place["y"] * LINE
    return x, y, place["w"] * CELL - GAP, place["h"] * LINE - GAP


def _panel(answer: Answer) -> Iterator[str]:
    x, y, width, height = _box(answer.panel)
    yield (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="3" fill="#181b1f" '
        'stroke="#2c3235"/>'
    )
    yield _text(x + 10, y + 20, answer.title, "#ccccdc", size=13, weight=600)
    inner = (x + 10, y + 30, width - 20, height - 40)
    if answer.empty:
        why = "of a hub on PostgreSQL" if "rawSql" in answer.panel["targets"][0] else "no data"
        yield _text(x + width / 2, y + height / 2 + 8, why, "#6e7681", anchor="middle")
    elif answer.panel["type"] == "stat":
        yield from _stat(answer, inner)
    elif answer.panel["type"] == "table":
        yield from _table(answer, inner)
    elif answer.panel["type"] == "status-history":
        yield from _cells(answer, inner)
    else:
        yield from _lines(answer, inner)


# -- numbers -----------------------------------------------------------------------------------


def _stat(answer: Answer, box: Box) -> Iterator[str]:
    x, y, width, height = box
    points = [point for point in answer.series[0][1] if point[1] == point[1]]
    if not points:
        yield _text(x + width / 2, y + height / 2, "no data", "#6e7681", anchor="middle")
        return
    value = points[-1][1]
    color = _color_of(answer.panel, value)
    shown = _word(answer.panel, value) or spoken(value, _unit(answer))
    size = 28 if len(shown) * 18 < width else 18
    yield _text(
        x + width / 2, y + height * 0.55, shown, color, anchor="middle", size=size, weight=600
    )


def _word(panel: Mapping[str, Any], value: float) -> str:
    """What the panel calls the value, if it has a word for it."""
    for mapping in panel["fieldConfig"]["defaults"].get("mappings", ()):
        if found := mapping["options"].get(f"{value:g}"):
            return str(found["text"])
    return ""


def _color_of(panel: Mapping[str, Any], value: float) -> str:
    found = "blue"
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            found = step["color"]
    return NAMED.get(found, found)


def _unit(answer: Answer) -> str:
    return str(answer.panel["fieldConfig"]["defaults"].get("unit", "short"))


def spoken(value: float, unit: str) -> str:
    """A value as Grafana would write it: "3.5 min", "12.3 %", "1.2 k"."""
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s":
        return _time(value)
    scales = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")) if unit == "bytes" else _THOUSANDS
    for size, word in scales:
        if abs(value) >= size:
            return f"{value / size:.3g} {word}"
    ending = {"ops": " /s", "reqps": " /s", "bytes": " B"}.get(unit, "")
    return f"{value:.3g}{ending}"


_THOUSANDS: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def _time(seconds: float) -> str:
    for size, word in ((604_800, "weeks"), (86_400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {word}"
    return f"{seconds:.3g} s" if abs(seconds) >= 1 or seconds == 0 else f"{seconds * 1000:.3g} ms"


# -- tables ------------------------------------------------------------------------------------


def _table(answer: Answer, box: Box) -> Iterator[str]:
    x, y, width, height = box
    rows = answer.rows
    room = int(height // 20) - 1
    names = list(rows[0])
    places = _places(names, width)
    for name, place in zip(names, places, strict=True):
        yield _text(x + place, y + 12, name, "#8ab8ff", weight=600)
    for number, row in enumerate(rows[:room], 1):
        for name, place, room_x in zip(names, places, _rooms(places, width), strict=True):
            shown = _cell(row[name])
            color = STATES.get(shown, "#ccccdc")
            yield _text(x + place, y + 12 + 20 * number, shown[: int(room_x / 7)], color)
    if len(rows) > room:
        yield _text(x + width, y + height + 2, f"{len(rows) - room} more", "#6e7681", anchor="end")


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text[:16].replace("T", " ") if text[4:5] == "-" and text[10:11] == "T" else text


def _places(names: Sequence[str], width: float) -> list[float]:
    """The last column has what the others leave."""
    each = min(140.0, width / len(names)) if len(names) > 2 else width * 0.7
    return [each * number for number in range(len(names))]


def _rooms(places: Sequence[float], width: float) -> list[float]:
    return [after - before - 6 for before, after in zip(places, [*places[1:], width], strict=True)]


# -- cells -------------------------------------------------------------------------------------


def _cells(answer: Answer, box: Box) -> Iterator[str]:
    """A line of cells along the time that the first column tells, in the colours of the mapping."""
    x, y, width, height = box
    when, what = answer.rows[0]
    rows = sorted((row for row in answer.rows if row[when]), key=lambda row: str(row[when]))
    each = width / max(len(rows), 1)
    (mapping,) = answer.panel["fieldConfig"]["defaults"]["mappings"]
    for number, row in enumerate(rows):
        color = str(mapping["options"][row[what]]["color"])
        yield (
            f'<rect x="{x + each * number:.1f}" y="{y + 8}" width="{each * 0.92:.1f}" '
            f'height="{height - 60:.0f}" fill="{NAMED.get(color, color)}"/>'
        )
    for row, anchor in ((rows[0], "start"), (rows[-1], "end")):
        place = x if anchor == "start" else x + width
        yield _text(place, y + height - 30, _cell(row[when]), "#9fa7b3", anchor=anchor)
    for number, (word, told) in enumerate(mapping["options"].items()):
        place = x + 90 * number
        color = NAMED.get(told["color"], told["color"])
        yield f'<rect x="{place}" y="{y + height - 12}" width="12" height="4" fill="{color}"/>'
        yield _text(place + 17, y + height - 6, word, "#9fa7b3", size=11)


# -- lines -------------------------------------------------------------------------------------


def _lines(answer: Answer, box: Box) -> Iterator[str]:
    x, y, width, height = box
    names = answer.series[:MOST_NAMES]
    plot = (x + 52, y, width - 56, height - 18 - 16 * ((len(names) + 1) // 2))
    stacked = answer.panel["fieldConfig"]["defaults"]["custom"].get("stacking") is not None
    drawn = [(name, [p for p in points if p[1] == p[1]]) for name, points in answer.series]
    drawn = _stacked(drawn) if stacked else drawn
    values = [value for _, points in drawn for _, value in points]
    if not values:
        yield _text(x + width / 2, y + height / 2, "no data", "#6e7681", anchor="middle")
        return
    low, high = _range(values, answer.panel)
    times = [at for _, points in drawn for at, _ in points]
    yield from _axes(plot, low, high, _unit(answer), min(times), max(times))
    span = (min(times), max(times))
    for number, (name, points) in reversed(list(enumerate(drawn))):
        color = _series_color(name, number)
        placed = _placed(points, plot, low, high, span)
        yield _area(placed, plot, color, 0.85 if stacked else 0.06)
    for number, (name, _) in enumerate(names):
        left = x + (number % 2) * width / 2
        top = y + height - 4 - 16 * ((len(names) + 1) // 2 - number // 2 - 1)
        color = _series_color(name, number)
        yield f'<rect x="{left:.0f}" y="{top - 5:.0f}" width="12" height="3" fill="{color}"/>'
        room = int(width / 2 / 6.6) - 2
        more = (
            ""
            if number + 1 < MOST_NAMES or len(answer.series) <= MOST_NAMES
            else f" and {len(answer.series) - MOST_NAMES} more"
        )
        yield _text(left + 17, top, ((name or "value") + more)[:room], "#9fa7b3", size=11)


def _series_color(name: str, number: int) -> str:
    return STATES.get(name.rsplit(" ", 1)[-1], COLORS[number % len(COLORS)])


def _stacked(series: Sequence[tuple[str, Points]]) -> list[tuple[str, Points]]:
    """Each on top of those before it."""
    below: dict[float, float] = {}
    found = []
    for name, points in series:
        lifted = []
        for at, value in points:
            below[at] = below.get(at, 0.0) + value
            lifted.append((at, below[at]))
        found.append((name, lifted))
    return found


def _range(values: Sequence[float], panel: Mapping[str, Any]) -> tuple[float, float]:
    told = panel["fieldConfig"]["defaults"]
    low = min(values) if told.get("min") is None else min(told["min"], *values)
    high = max(values) if told.get("max") is None else max(told["max"], *values)
    return (low, high + (high - low) * 0.08) if high > low else (low, low + (abs(low) or 1.0))


def _axes(plot: Box, low: float, high: float, unit: str, begin: float, end: float) -> Iterator[str]:
    x, y, width, height = plot
    for value in _ticks(low, high, unit):
        at = y + height * (1 - (value - low) / (high - low))
        yield f'<path d="M{x:.0f} {at:.1f}h{width:.0f}" stroke="#2c3235"/>'
        yield _text(x - 6, at + 4, spoken(value, unit), "#9fa7b3", anchor="end", size=11)
    for part in range(3):
        moment = datetime.fromtimestamp(begin + (end - begin) * part / 2, UTC)
        anchor = ("start", "middle", "end")[part]
        where = x + width * part / 2
        yield _text(where, y + height + 14, f"{moment:%H:%M}", "#9fa7b3", anchor=anchor, size=11)


def _ticks(low: float, high: float, unit: str) -> list[float]:
    """A few round values."""
    steps = _ROUND_TIMES if unit == "s" and high - low > 10 else _round_numbers(high - low)
    step = next((one for one in steps if (high - low) / one <= 4.5), steps[-1])
    first = math.ceil(low / step)
    return [step * number for number in range(first, int(high // step) + 1)]


_ROUND_TIMES: Final = [size * many for size in (1, 60, 3600) for many in (1, 2, 5, 10, 15, 30)] + [
    86_400.0 * many for many in (0.5, 1, 2, 5, 10, 20, 50, 100, 1000)
]


def _round_numbers(span: float) -> list[float]:
    size = 10 ** math.floor(math.log10(max(span, 1e-12)))
    return [size / 10 * many for many in (1, 2, 5, 10, 20, 50)]


def _placed(points: Points, box: Box, low: float, high: float, span: tuple[float, float]) -> Points:
    x, y, width, height = box
    begin, end = span
    across, up = max(end - begin, 1e-9), max(high - low, 1e-12)
    return [
        (x + width * (at - begin) / across, y + height * (1 - (value - low) / up))
        for at, value in points
    ]


def _area(placed: Points, box: Box, color: str, opacity: float) -> str:
    if not placed:
        return ""
    bottom = box[1] + box[3]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
    first, last = placed[0][0], placed[-1][0]
    return (
        f'<path d="M{first:.1f} {bottom:.1f}L{line}L{last:.1f} {bottom:.1f}Z" fill="{color}" '
        f'fill-opacity="{opacity}"/><path d="M{line}" fill="none" stroke="{color}" '
        'stroke-width="1.5" stroke-linejoin="round"/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    color: str,
    *,
    anchor: str = "start",
    size: int = 12,
    weight: int = 400,
) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" fill="{color}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m dashboards.preview", description=__doc__)
    parser.add_argument("prometheus")
    parser.add_argument("hub")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--job", default=".*", help="whom the dashboard of a job shows")
    parser.add_argument(
        "--one", default="dagster://analytics/web_sessions", help="whose runs are listed"
    )
    told = parser.parse_args()
    namespace, _, job = told.one.rpartition("/")
    end = time.time()
    length = told.minutes * 60
    asking = Asking(
        told.prometheus, told.hub, end - length, end, length / 60,
        choose(job_name=told.job, one_namespace=namespace, one_job=job),
    )  # fmt: skip
    told.folder.mkdir(exist_ok=True)
    for file in sorted(GENERATED.glob("*.json")):
        board = json.loads(file.read_text())
        for panel in board["panels"]:
            panel["title"] = plain(panel["title"], asking.chosen)
        answers = [asking.answer(panel) for panel in panels_of(board)]
        (told.folder / f"{file.stem}.svg").write_text(picture(board, answers, end))


if __name__ == "__main__":
    main()
