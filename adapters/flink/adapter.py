"""Flink as an orchestrator: a look is its jobs, and the parts that are due. It starts nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar, Final, NoReturn

import httpx

from adapters.base.parts import Part, Parts, observed
from adapters.flink import check, health, runs
from adapters.flink.api import Api
from adapters.flink.config import Config as FlinkConfig
from adapters.flink.events import Place
from adapters.flink.site import Site
from hub.errors import Declined
from hub.ports import (
    AdapterConfig,
    Asked,
    BackfillPlan,
    Capability,
    Effects,
    Finding,
    Json,
    Known,
    Launched,
    LaunchRequest,
    LogTail,
    Observed,
    RunName,
    Wish,
    adapters,
)

#: Requests of a quiet poll beside the one for jobs.
BESIDE: Final = 2
_SETUP: Final = """\
Nothing to set up: all that the JobManager knows is polled.

OpenLineage has an integration for Flink, which tells lineage. It was not tried with the hub: it makes
run ids of its own, so that its runs would stand beside those that are polled.
"""


@adapters.register("flink")
class Flink:
    """One Flink cluster."""

    Config: ClassVar[type[AdapterConfig]] = FlinkConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.LOG_TAIL})
    keyed: ClassVar[bool] = True

    def __init__(
        self,
        config: FlinkConfig,
        asked: Asked,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._api = Api(config, transport=transport, sleep=sleep)
        self._place = Place(asked.namespace, config.url)
        parts: tuple[Part[Site], ...] = (
            Part("health", 60, 1, health.look),
            Part("slots", 60, 1, health.slots),
            Part("lost", 60, 0, runs.lost),
        )
        self._parts = Parts(parts, beside=BESIDE)

    def observe(self, cursor: Json, as_of: datetime, known: Known) -> Observed:
        """The cursor has one member per part, and `due`: when each is to be looked at next."""
        before = self._api.http.requests
        site = Site(self._api, self._place, as_of, known)
        first = {"runs": runs.look(site, cursor.get("runs", {}))}
        others, due = self._parts.take(site, cursor, as_of)
        requests = self._api.http.requests - before
        return observed(first | others, cursor, due, requests, self._api.http.skew_s)

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api))

    def launch(self, request: LaunchRequest) -> Launched:
        _starts_nothing(request.job.name)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        _starts_nothing(request.job.name)

    def backfill(self, plan: BackfillPlan) -> Launched:
        _starts_nothing(plan.job.name)

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:  # noqa: ARG002
        _starts_nothing(plan.job.name)

    def steer(self, natural_id: str, wish: Wish) -> None:  # noqa: ARG002
        _starts_nothing(natural_id)

    def caused(self, request: LaunchRequest) -> Effects:
        _starts_nothing(request.job.name)

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:  # noqa: ARG002
        """Its latest failure: Flink's logs are those of its processes, of all jobs together."""
        told = self._api.exceptions(run.natural_id).latest.splitlines()
        url = f"{self._place.url}/#/job/running/{run.natural_id}/exceptions"
        return LogTail(told[: max(0, lines)], told[0] if told else None, url)

    def openlineage_setup(self, hub_url: str) -> str:  # noqa: ARG002
        return _SETUP

    def close(self) -> None:
        self._api.http.close()


def _starts_nothing(name: str) -> NoReturn:
    raise Declined(f"the hub starts no jobs of Flink ({name}): launch what submits them")
