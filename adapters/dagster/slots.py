"""For which scheduled time a run was started.

Dagster hides that among a run's tags, and tells it of the tick that started the run. Ticks are
purged after a time that each deployment sets, and one that is gone fails the query for all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from adapters.dagster.graphql import GraphQL, QueryFailedError
from adapters.dagster.queries import ticks
from adapters.dagster.wire import SCHEDULE_TAG, TICK_TAG, Origin, Run, Typed, moment


class _Tick(Struct, frozen=True):
    timestamp: float | None = None


class _State(Typed, frozen=True):
    tick: _Tick | None = None


class Slots:
    """Keeps in mind how far back ticks are gone, so as not to ask for older ones."""

    def __init__(self, graphql: GraphQL) -> None:
        self._graphql = graphql
        self._gone_to = 0.0

    def of(self, runs: Iterable[Run], failed: list[str]) -> dict[str, datetime]:
        """By run id, as far as they are known; `failed` takes those that can't be asked for."""
        wanted = [run for run in runs if run.tag(SCHEDULE_TAG) and run.tag(TICK_TAG)]
        while wanted := [run for run in wanted if (run.creation_time or 0.0) > self._gone_to]:
            try:
                return self._ask(wanted)
            except QueryFailedError as error:
                gone = [run for n, run in enumerate(wanted) if f"tick{n}" in error.fields]
                if error.permanent:
                    raise
                if not gone or "not present" not in str(error):
                    failed += [run.run_id for run in wanted]
                    return {}
                self._gone_to = max(run.creation_time or 0.0 for run in gone)
        return {}

    def _ask(self, runs: Sequence[Run]) -> dict[str, datetime]:
        variables: dict[str, object] = {}
        for number, run in enumerate(runs):
            variables[f"tick{number}"] = run.tag(TICK_TAG)
            origin = run.repository_origin or Origin()
            variables[f"instigator{number}"] = {
                "repositoryName": origin.repository_name,
                "repositoryLocationName": origin.repository_location_name,
                "name": run.tag(SCHEDULE_TAG),
            }
        states, _ = self._graphql.query(ticks(len(runs)), dict[str, _State], variables)
        told = {int(found[1]): s.tick for n, s in states.items() if (found := _NUMBER.match(n))}
        slots = {
            runs[n].run_id: moment(t.timestamp) for n, t in told.items() if t and n < len(runs)
        }
        return {run_id: slot for run_id, slot in slots.items() if slot is not None}


_NUMBER = re.compile(r"tick(\d{1,4})$")
