"""What an incident goes by, as a picture: its run, slot, update or check among those before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import msgspec
from markupsafe import Markup
from msgspec import Struct

from hub.model import EntityName, RunState, Viewer
from hub.schedules.slots import timetable_of
from hub.store import facts, names, orchestrators, quality, runs, schedules, slots
from hub.store.db import Connection
from hub.store.incident_views import IncidentView
from hub.store.reading import Page
from hub.store.slots import SlotView
from hub.store.views import RunView
from hub.web import links, marks
from hub.web.creep import creep_of
from hub.web.dots import COUNTS, Band, Point, Scale, dots
from hub.web.words import number, plain, size

#: Runs, slots, updates or results that are drawn.
_RUNS, _SLOTS, _UPDATES, _CHECKS, _SAMPLES = 60, 40, 60, 40, 200
#: Slots that an old incident lies behind at most, for its slots to be looked up.
_FAR: Final = 600
_MISSED: Final = "MISSED"
_HOUR: Final = timedelta(hours=1)

Evidence = Mapping[str, Any]


class Drawn(Struct, frozen=True):
    """A picture, and what it shows."""

    title: str
    picture: Markup


class About(Struct, frozen=True):
    """An incident with what it goes by. until: when it was over, or now."""

    one: IncidentView
    told: Evidence
    until: datetime

    def at(self, name: str) -> datetime | None:
        """A time of the evidence."""
        text = self.told.get(name)
        return datetime.fromisoformat(text) if isinstance(text, str) else None

    def seconds(self, *names: str) -> float | None:
        found = (self.told.get(name) for name in names)
        return next((float(one) for one in found if isinstance(one, int | float)), None)


def evidence_of(one: IncidentView) -> Evidence:
    found: dict[str, Any] = msgspec.json.decode(one.evidence)
    return found


def drawn(connection: Connection, eyes: Viewer, one: IncidentView, now: datetime) -> Drawn | None:
    """None where there is nothing to draw."""
    about = About(one, evidence_of(one), min(one.resolved_at or now, now))
    draw = _DRAWN.get(one.kind)
    found = None if draw is None else draw(connection, eyes, about)
    return found if found is not None and found.picture else None


# -- runs --------------------------------------------------------------------------------------


def _lengths(connection: Connection, eyes: Viewer, about: About) -> Drawn | None:
    """How long runs took, against what is normal for them."""
    job = about.one.job
    if job is None:
        return None
    key = names.find_job(connection, eyes, job)
    past = runs.runs_until(connection, eyes, key, about.until, _RUNS)
    here = about.one.links.run and about.one.links.run.rpartition("/")[2]
    points = [point for run in past if (point := _run(run, about.until, here)) is not None]
    band = _told_band(about) or _learned_band(connection, key, about.until)
    picture = dots(points, "how long its runs took", band, raised=creep_of([about.one]))
    return Drawn("How long its runs took", picture)


def _run(run: RunView, until: datetime, here: str | None) -> Point | None:
    if run.started_at is None:
        return None
    end = run.ended_at or (until if run.state == RunState.RUNNING else None)
    if end is None:
        return None
    took = max(0.0, (end - run.started_at).total_seconds())
    href = links.run(run.id, run.job)
    return Point(run.started_at, took, run.state, href, run.id == here)


def _told_band(about: About) -> Band | None:
    """As the rule saw it."""
    band = Band(about.seconds("expectedS"), about.seconds("limitS"), about.seconds("leastS"))
    return None if band == Band() else band


def _learned_band(connection: Connection, key: int, at: datetime) -> Band | None:
    kept = facts.baselines(connection, [key], at).get(key)
    if kept is None or kept.value is None:
        return None
    return Band(kept.value.expected(at), kept.value.limit(at))


# -- slots -------------------------------------------------------------------------------------


def _started(slot: SlotView) -> datetime | None:
    run = slot.run
    return None if run is None else run.started_at or run.queued_at or run.ended_at


def _done(slot: SlotView) -> datetime | None:
    done = slot.run is not None and slot.run.state == RunState.COMPLETED
    return slot.run.ended_at if slot.run is not None and done else None


def _lateness(
    word: str, reached: Callable[[SlotView], datetime | None]
) -> Callable[[Connection, Viewer, About], Drawn | None]:
    """How long after each slot its run had come so far."""

    def draw(connection: Connection, eyes: Viewer, about: About) -> Drawn | None:
        due, job = about.at("dueAt"), about.one.job
        if due is None or job is None:
            return None
        key = names.find_job(connection, eyes, job)
        found = _slots_around(connection, eyes, key, due, about.until)
        allowed = _allowed(about, due)
        points = [_slot(slot, job, reached(slot), about, due, allowed) for slot in found]
        title = f"How long after its slots it {word}"
        return Drawn(title, dots(points, title, Band(high=allowed)))

    return draw


def _slots_around(
    connection: Connection, eyes: Viewer, key: int, due: datetime, until: datetime
) -> Sequence[SlotView]:
    """The one in question and those before it."""
    held = schedules.held_of(connection, eyes, key)
    timetable = None if held is None else timetable_of(held.span.schedule)
    if timetable is None or (until - due) / timetable.gap(due) > _FAR:
        return []
    begin = due - _SLOTS * timetable.gap(due)
    return slots.slots_of(connection, eyes, key, begin, until, until).slots[-2 * _SLOTS :]


def _allowed(about: About, due: datetime) -> float | None:
    limit = about.at("limitAt")
    return about.seconds("graceS") if limit is None else (limit - due).total_seconds()


def _slot(
    slot: SlotView,
    job: EntityName,
    at: datetime | None,
    about: About,
    due: datetime,
    allowed: float | None,
) -> Point:
    """What is not there yet stands as high as it is late, but not so high that it hides the rest."""
    run, here = slot.run, slot.due_at == due
    href = None if run is None or run.run_id is None else links.run(run.run_id, job)
    if at is not None and run is not None:
        late = (at - slot.due_at).total_seconds()
        return Point(slot.due_at, late, run.state, href, here)
    waited = (about.until - slot.due_at).total_seconds()
    value = min(waited, 2 * allowed) if allowed else waited
    state = _MISSED if run is None else run.state
    told = "no run came for it" if run is None else f"{plain(run.state)}, not yet"
    return Point(slot.due_at, value, state, href, here, told)


# -- datasets ----------------------------------------------------------------------------------


def _ages(connection: Connection, eyes: Viewer, about: About) -> Drawn | None:
    """How long after one update the next one came."""
    updates = [one for one in _updates(connection, eyes, about) if one.at <= about.until]
    ordered = sorted(updates, key=lambda one: one.at)
    points = [
        Point(
            later.at,
            (later.at - earlier.at).total_seconds(),
            RunState.COMPLETED,
            None if later.run_id is None else links.run(later.run_id),
            about="then it was updated",
        )
        for earlier, later in pairwise(ordered)
    ]
    if ordered:
        age = (about.until - ordered[-1].at).total_seconds()
        words = "not updated since the one before"
        points.append(Point(about.until, age, _MISSED, here=True, about=words))
    band = Band(about.seconds("expectedS"), about.seconds("maxLagS", "limitS"))
    return Drawn(
        "How long it was from update to update", dots(points, "time between updates", band)
    )


def _amounts(connection: Connection, eyes: Viewer, about: About) -> Drawn | None:
    """Rows or bytes of each update, against what is usual."""
    metric, at = str(about.told.get("metric")), about.at("at")
    if metric not in _METRICS:
        return None
    title, scale = _METRICS[metric]
    points = [
        Point(
            update.at,
            value,
            RunState.FAILED if update.at == at else RunState.COMPLETED,
            None if update.run_id is None else links.run(update.run_id),
            update.at == at,
            f"partition {update.partition}" if update.partition else "written",
        )
        for update in _updates(connection, eyes, about)
        if (value := getattr(update, metric)) is not None
    ]
    band = Band(about.seconds("expected"), about.seconds("high"), about.seconds("low"))
    return Drawn(title, dots(points, title, band, scale))


_METRICS: Final[dict[str, tuple[str, Scale]]] = {
    "rows": ("Rows of its updates", Scale(number, COUNTS.step)),
    "bytes": ("Bytes of its updates", Scale(size, COUNTS.step)),
}


def _updates(connection: Connection, eyes: Viewer, about: About) -> Iterable[quality.UpdateView]:
    if about.one.dataset is None:
        return []
    key = names.find_dataset(connection, eyes, about.one.dataset)
    return quality.list_updates(connection, eyes, key, Page(_UPDATES)).items


def _results(connection: Connection, eyes: Viewer, about: About) -> Drawn | None:
    """What became of the same check before."""
    name, column, here = about.told.get("check"), about.told.get("column"), about.at("at")
    if about.one.dataset is None or name is None:
        return None
    key = names.find_dataset(connection, eyes, about.one.dataset)
    found = quality.results_of(connection, eyes, key, str(name), str(column or ""), _CHECKS)
    cells = [
        marks.Cell(
            "COMPLETED" if one.status == "PASSED" else "FAILED",
            f"{one.at:%Y-%m-%d %H:%M} UTC: {plain(one.status)}"
            + (f", {one.actual} found" if one.actual else "")
            + (f", partition {one.partition}" if one.partition else ""),
            None if one.run_id is None else links.run(one.run_id),
            one.at == here,
        )
        for one in reversed(found)
    ]
    return Drawn("The same check before", marks.strip(cells, f"{len(cells)} results of the check"))


# -- orchestrators -----------------------------------------------------------------------------


def _waiting(connection: Connection, _: Viewer, about: About) -> Drawn | None:
    """How much work waited in the pool, from an hour before it went wrong."""
    owner, pool = about.one.orchestrator, about.told.get("pool")
    if owner is None or pool is None:
        return None
    since = about.one.since - _HOUR
    found = orchestrators.list_backlog(connection, owner, str(pool), since, _SAMPLES)
    ordered = [one for one in reversed(found) if one.at <= about.until]
    points = [
        Point(one.at, one.queued, "RUNNING", None, one is ordered[-1], "waited") for one in ordered
    ]
    band = Band(about.seconds("usual"), about.seconds("limit"))
    title = f"What waited in {pool}"
    return Drawn(title, dots(points, title, band, COUNTS))


_DRAWN: Final[Mapping[str, Callable[[Connection, Viewer, About], Drawn | None]]] = {
    **dict.fromkeys(("failed_run", "overrun", "too_fast", "too_often", "creep", "stuck"), _lengths),
    "missed_schedule": _lateness("started", _started),
    "late_start": _lateness("started", _started),
    "late_finish": _lateness("was done", _done),
    "freshness": _ages,
    "volume": _amounts,
    "failed_check": _results,
    "backlog": _waiting,
}
