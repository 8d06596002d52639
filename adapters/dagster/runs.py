"""Runs, page by page, without losing any.

Dagster lists runs newest first, by when they were made. A pass asks for those updated after the
watermark less an overlap (a run's update time is taken before it is committed, and by another
clock) and pages until all are seen. What is read again gives the same events, which the hub drops.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from adapters.dagster.graphql import GraphQL
from adapters.dagster.queries import RUNS
from adapters.dagster.wire import Run, Runs, RunsAnswer, moment

PAGE: Final = 100
OVERLAP: Final = timedelta(seconds=120)


class Pass(Struct, frozen=True):
    """A pass over the runs that is under way. Times in seconds since 1970."""

    since: float
    begun: float  # the server's clock at its first request
    top: float = 0.0  # the latest update seen
    after: str | None = None  # the last run of the page before
    seen: int = 0


class Page(Struct, frozen=True):
    """One page. `unfinished`: how the pass goes on, None if this was its last page."""

    rows: Sequence[Run]
    under_way: Pass
    unfinished: Pass | None
    count: int | None

    @property
    def complete_to(self) -> datetime | None:
        """Up to when all is known, once the pass is at its end."""
        begun = moment(self.under_way.begun)
        return begun - OVERLAP if begun and not self.unfinished else None


def begin(since: float, as_of: datetime) -> Pass:
    """A pass over what was updated after `since`, in seconds since 1970, and a little before."""
    return Pass(since - OVERLAP.total_seconds(), as_of.timestamp())


def next_page(graphql: GraphQL, under_way: Pass) -> Page:
    """The next page of a pass; the pass starts again if the run it had come to was deleted."""
    runs, date = _ask(graphql, {"updatedAfter": under_way.since}, under_way.after)
    if under_way.after is None and date is not None:
        under_way = replace(under_way, begun=date.timestamp())
    rows = runs.results
    if not rows and under_way.after is not None and not _exists(graphql, under_way.after):
        again = replace(under_way, after=None, seen=0)
        return Page((), under_way, again, runs.count)
    top = max((run.update_time or 0.0 for run in rows), default=0.0)
    under_way = replace(under_way, top=max(top, under_way.top), seen=under_way.seen + len(rows))
    left = len(rows) >= PAGE or under_way.seen < (runs.count or 0)  # a server may cap its pages
    more = replace(under_way, after=rows[-1].run_id) if rows and left else None
    return Page(rows, under_way, more, runs.count)


def watermark_after(ended: Pass, before: float | None) -> float:
    """The latest update that was seen; not beyond the server's clock, which a worker's may lead."""
    seen = min(ended.top, ended.begun) if ended.top else ended.since + OVERLAP.total_seconds()
    return max(seen, before or 0.0)


def by_ids(graphql: GraphQL, run_ids: Sequence[str]) -> list[Run]:
    """Those of the runs that (still) exist."""
    if not run_ids:
        return []
    runs, _ = _ask(graphql, {"runIds": list(run_ids)}, None, len(run_ids))
    return runs.results


def by_tags(graphql: GraphQL, tags: Iterable[tuple[str, str]], limit: int) -> list[Run]:
    wanted = [{"key": key, "value": value} for key, value in tags]
    return _ask(graphql, {"tags": wanted}, None, limit)[0].results


def _exists(graphql: GraphQL, run_id: str) -> bool:
    return bool(by_ids(graphql, [run_id]))


def _ask(
    graphql: GraphQL, wanted: dict[str, object], after: str | None, limit: int = PAGE
) -> tuple[Runs, datetime | None]:
    variables = {"filter": wanted, "cursor": after, "limit": limit}
    answer, date = graphql.query(RUNS, RunsAnswer, variables)
    graphql.expect(answer.runs, "Runs")
    return answer.runs, date
