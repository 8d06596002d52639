"""How long a backfill will take, from how long runs of its jobs usually take."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from hub.model import EntityName


class Piece(Struct, frozen=True):
    """One step: of which job, after which others, and how long it takes, if that is known."""

    no: int
    job: EntityName
    after: Sequence[int] = ()
    seconds: float | None = None


class Estimate(Struct, frozen=True, rename="camel"):
    """In seconds. totalS: from the beginning to the end; null where a job's runs are not known.

    atLeastS: the same, as if those took no time. criticalS: if as much as can be ran at once.
    workS: of all steps one after another.
    """

    total_s: float | None
    at_least_s: float
    critical_s: float
    work_s: float
    unknown_jobs: list[EntityName]


def estimate(pieces: Sequence[Piece], concurrency: int, per_job: int) -> Estimate:
    """Of steps in an order in which each stands behind those that it waits for."""
    unknown = sorted({one.job for one in pieces if one.seconds is None})
    least = round(_played(pieces, concurrency, per_job), 3)
    return Estimate(
        None if unknown else least,
        least,
        round(_critical(pieces), 3),
        round(sum(one.seconds or 0.0 for one in pieces), 3),
        unknown,
    )


def _critical(pieces: Sequence[Piece]) -> float:
    done: dict[int, float] = {}
    for one in pieces:
        begin = max((done[before] for before in one.after if before in done), default=0.0)
        done[one.no] = begin + (one.seconds or 0.0)
    return max(done.values(), default=0.0)


def _played(pieces: Sequence[Piece], concurrency: int, per_job: int) -> float:
    """When the last one ends, if each begins as soon as it may and there is room."""
    left = _lacking(pieces)
    followers: dict[int, list[Piece]] = {}
    for one in pieces:
        for before in one.after:
            followers.setdefault(before, []).append(one)
    ready: dict[EntityName, list[tuple[int, Piece]]] = {}
    for one in pieces:
        if not left[one.no]:
            _wait(ready, one)
    running: list[tuple[float, int, Piece]] = []
    busy, now = Counter[EntityName](), 0.0
    while True:
        while len(running) < concurrency and (begun := _next(ready, busy, per_job)) is not None:
            busy[begun.job] += 1
            heapq.heappush(running, (now + (begun.seconds or 0.0), begun.no, begun))
        if not running:
            return now
        now, _, ended = heapq.heappop(running)
        busy[ended.job] -= 1
        for follower in followers.get(ended.no, ()):
            left[follower.no] -= 1
            if not left[follower.no]:
                _wait(ready, follower)


def _lacking(pieces: Sequence[Piece]) -> dict[int, int]:
    there = {one.no for one in pieces}
    return {one.no: sum(before in there for before in one.after) for one in pieces}


def _wait(ready: dict[EntityName, list[tuple[int, Piece]]], one: Piece) -> None:
    heapq.heappush(ready.setdefault(one.job, []), (one.no, one))


def _next(
    ready: Mapping[EntityName, list[tuple[int, Piece]]], busy: Counter[EntityName], per_job: int
) -> Piece | None:
    """The first in the order of those whose job has room."""
    open_ = [waiting for job, waiting in ready.items() if waiting and busy[job] < per_job]
    return heapq.heappop(min(open_, key=lambda waiting: waiting[0][0]))[1] if open_ else None
