"""One look at a Dagster: what is asked, in which order, and how much of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec.structs import replace

from adapters.dagster.assets import reported
from adapters.dagster.backlog import backlog
from adapters.dagster.details import events_of
from adapters.dagster.events import Place
from adapters.dagster.graphql import GraphQL, QueryFailedError
from adapters.dagster.health import health, instigator_health
from adapters.dagster.instigators import Instigator, read_instigators, schedules, skipped
from adapters.dagster.inventory import (
    AT_ONCE,
    Loads,
    asset_events,
    freshness_policies,
    job_events,
    loads_of,
    read_asset_keys,
    read_assets,
    read_jobs,
)
from adapters.dagster.open_runs import reread
from adapters.dagster.own_backfills import own_backfills
from adapters.dagster.partitions import Stood, partitions
from adapters.dagster.pulse import Pulse, read_pulse
from adapters.dagster.runs import OVERLAP, begin, next_page, watermark_after
from adapters.dagster.slots import Slots
from adapters.dagster.state import Settled, State
from adapters.dagster.wire import Run, moment
from hub.model import HealthObserved, HealthStatus, Observation, WatermarkObserved
from hub.ports import Json, Known

PULSE_EVERY_S: Final = 10.0  # while looks follow one another at once
MINUTE_S: Final = 60.0  # between two questions for schedules, and for reports from outside
#: Of what is new, at first: by our clock, which need not be Dagster's.
FIRST_LOOK_BACK: Final = timedelta(hours=1)
OPEN_RUNS: Final = 200
OUTSIDE_ASSETS: Final = 200
PARTITIONED_ASSETS: Final = 1_000
_DETAILS: Final = "run details"
_PARTITIONS: Final = "partitions"
_BACKFILLS: Final = "backfills"


class Look:
    """Gathers the facts of one call of `observe`."""

    def __init__(
        self,
        graphql: GraphQL,
        slots: Slots,
        place: Place,
        settled: Settled,
        stood: Stood,
        state: State,
        as_of: datetime,
    ) -> None:
        self._graphql = graphql
        self._slots = slots
        self._place = place
        self._settled = settled
        self._stood = stood
        self._as_of = as_of
        self._now = as_of  # by Dagster's clock, once that is known
        self._failed: list[str] = []
        self._described: list[Run] = []
        self.state = replace(state, at=as_of.timestamp())
        self.events: list[Json] = []
        self.observations: list[Observation] = []
        self.progress = ""

    @property
    def more(self) -> bool:
        state = self.state
        going_on = (state.under_way, state.history, state.assets_from)
        return any(one is not None for one in going_on)

    def take(self, known: Known, history: timedelta) -> None:
        """Some of the runs; and of all the rest what is due."""
        if self._as_of.timestamp() - self.state.pulsed_at >= PULSE_EVERY_S:
            self._deployment()
        elif self.state.assets_from is not None:
            self._inventory(read_pulse(self._graphql)[0])
        self._past(history)
        self._runs(known)
        self._partitions()
        self._details_health()

    # -- the deployment --------------------------------------------------------------------------

    def _deployment(self) -> None:
        pulse, date = read_pulse(self._graphql)
        now = self._now = date or self._as_of
        self.observations += health(pulse, now, self._as_of)
        self.observations += backlog(pulse, now, self._as_of)
        self._inventory(pulse)
        if now.timestamp() - self.state.asked_at >= MINUTE_S:
            self._instigators(pulse, now, ())
        if now.timestamp() - (self.state.reported_to or 0.0) >= MINUTE_S:
            self._reports(now)
        self.state = replace(self.state, pulsed_at=self._as_of.timestamp())

    def _inventory(self, pulse: Pulse) -> None:
        """Of code that was loaded anew; its assets some at a time."""
        loads = loads_of(pulse)
        if loads.print != self.state.loads:
            jobs = read_jobs(self._graphql)
            self.events += job_events(jobs, loads, self._place)
            self._instigators(pulse, self._as_of, [job.name for _, job in jobs])
            self.state = replace(self.state, loads=loads.print, assets_from=0)
        if self.state.assets_from is not None:
            self._assets(loads, self.state.assets_from)

    def _assets(self, loads: Loads, start: int) -> None:
        keys = read_asset_keys(self._graphql)
        assets = read_assets(self._graphql, keys.all[start : start + AT_ONCE])
        self.events += asset_events(assets, loads, self._place)
        self.observations += freshness_policies(assets, self._place.namespace, self._as_of)
        end = start + AT_ONCE
        self.state = replace(
            self.state,
            assets_from=end if end < len(keys.all) else None,
            outside=[list(key.path) for key in keys.outside[:OUTSIDE_ASSETS]],
            partitioned=[list(key.path) for key in keys.partitioned[:PARTITIONED_ASSETS]],
        )

    def _instigators(self, pulse: Pulse, now: datetime, jobs: Sequence[str]) -> None:
        found = read_instigators(self._graphql, pulse.repositories, now)
        self.events += skipped(found, self._place)
        self.observations += instigator_health(found, self._as_of)
        self._backfills(now)
        declared = _print(found)
        if jobs or declared != self.state.declared:
            told = schedules(found, jobs, self._place.namespace, self._as_of)
            self.observations += told
        self.state = replace(self.state, asked_at=now.timestamp(), declared=declared)

    def _backfills(self, now: datetime) -> None:
        """That Dagster can't tell of them keeps nobody from seeing the rest."""
        try:
            since = moment(self.state.backfills_to)
            self.observations += list(own_backfills(self._graphql, since, now))
        except QueryFailedError as error:
            if error.permanent:
                raise
            told = HealthObserved(HealthStatus.DEGRADED, self._as_of, _BACKFILLS, str(error))
        else:
            told = HealthObserved(HealthStatus.HEALTHY, self._as_of, _BACKFILLS)
            self.state = replace(self.state, backfills_to=now.timestamp())
        self.observations.append(told)

    def _partitions(self) -> None:
        """Of some assets, once all runs up to now are told, so that those that wrote are known."""
        self._stood.touch(self.events)
        state, now = self.state, self._now
        due = now.timestamp() - state.partitions_at >= MINUTE_S
        if self.more or not due or not state.partitioned:
            return
        paths, following = self._stood.chosen(state.partitioned, state.partitions_from)
        namespace = self._place.namespace
        told, failed = partitions(self._graphql, paths, self._stood, namespace, now)
        self.observations += told
        status = HealthStatus.DEGRADED if failed else HealthStatus.HEALTHY
        detail = f"Dagster can't tell how the partitions of {failed[0]} stand" if failed else None
        self.observations.append(HealthObserved(status, self._as_of, _PARTITIONS, detail))
        self.state = replace(state, partitions_at=now.timestamp(), partitions_from=following)

    def _reports(self, now: datetime) -> None:
        """Of assets that others make and report; from the first look on, or they would be many."""
        since = self.state.reported_to
        if since is not None and self.state.outside:
            after = datetime.fromtimestamp(since, UTC) - OVERLAP
            self.events += reported(self._graphql, self.state.outside, after, self._place)
        self.state = replace(self.state, reported_to=now.timestamp())

    # -- runs ------------------------------------------------------------------------------------

    def _past(self, history: timedelta) -> None:
        """A page of what was before the hub came, until all of it is read."""
        state = self.state
        if state.history_read:
            return
        since = (self._as_of - history).timestamp()
        page = next_page(self._graphql, state.history or begin(since, self._as_of))
        self._describe(page.rows)
        self.progress = f"{page.under_way.seen:,} of {page.count or 0:,} runs"
        ended = page.unfinished is None
        self.state = replace(state, history=page.unfinished, history_read=ended)

    def _runs(self, known: Known) -> None:
        """What is new. All is known up to the pass's beginning once the past is known too."""
        state = self.state
        first = (self._as_of - FIRST_LOOK_BACK).timestamp()
        since = first if state.watermark is None else state.watermark
        page = next_page(self._graphql, state.under_way or begin(since, self._as_of))
        self._describe(page.rows)
        if page.complete_to is None:
            self.state = replace(state, under_way=page.unfinished)
            return
        self._open(known, page.rows)
        watermark = watermark_after(page.under_way, state.watermark)
        self.state = replace(state, under_way=None, watermark=watermark)
        if state.history_read:
            self.observations.append(WatermarkObserved(page.complete_to, self._as_of))

    def _open(self, known: Known, rows: Iterable[Run]) -> None:
        seen = {run.run_id for run in rows}
        open_runs = known.open_runs(OPEN_RUNS)
        found, ends = reread(self._graphql, open_runs, seen, self._as_of, self._place)
        self._describe(found)
        self.events += ends

    def _describe(self, rows: Sequence[Run]) -> None:
        runs = [run for run in self._settled.unsettled(rows) if run not in self._described]
        self.events += events_of(self._graphql, self._slots, runs, self._place, self._failed)
        failed = set(self._failed)
        whole = (run for run in runs if run.run_id not in failed)
        self._settled.read(whole, self._as_of.timestamp())
        self._described += runs

    def _details_health(self) -> None:
        failed = sorted(set(self._failed))
        if failed:
            told = f"Dagster can't tell all about {len(failed)} runs, such as {failed[0]}"
            found = HealthObserved(HealthStatus.DEGRADED, self._as_of, _DETAILS, told)
            self.observations.append(found)
        elif not self.more:
            self.observations.append(HealthObserved(HealthStatus.HEALTHY, self._as_of, _DETAILS))


def _print(found: Iterable[Instigator]) -> str:
    """Of what instigators declare, without their ticks."""
    told = sorted((i.location, i.name, i.jobs, i.on, i.crons, i.timezone, i.by_data) for i in found)
    return hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()
