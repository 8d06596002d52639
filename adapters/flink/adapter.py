"""Flink as an orchestrator: a look is its jobs, and the parts that are due. It starts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from adapters.base.in_parts import InParts
from adapters.base.parts import Look, Part
from adapters.flink import check, health, runs
from adapters.flink.api import Api
from adapters.flink.config import Config as FlinkConfig
from adapters.flink.events import Place
from adapters.flink.site import Site
from hub.ports import (
    AdapterConfig,
    Capability,
    Finding,
    Json,
    Known,
    LogTail,
    RunName,
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
class Flink(InParts[FlinkConfig, Api, Site]):
    """One Flink cluster."""

    Config: ClassVar[type[AdapterConfig]] = FlinkConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.LOG_TAIL})
    title: ClassVar = "Flink"
    setup: ClassVar = _SETUP
    starts_nothing: ClassVar = "launch what submits them"
    connect = Api

    def parts(self) -> tuple[Sequence[Part[Site]], int]:
        self._place = Place(self._namespace, self._config.url)
        parts: tuple[Part[Site], ...] = (
            Part("health", 60, 1, health.look),
            Part("slots", 60, 1, health.slots),
            Part("lost", 60, 0, runs.lost),
        )
        return parts, BESIDE

    def site(self, cursor: Json, as_of: datetime, known: Known) -> Site:  # noqa: ARG002
        return Site(self._api, self._place, as_of, known)

    def runs(self, site: Site, state: Json) -> Look:
        return runs.look(site, state)

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api))

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:  # noqa: ARG002
        """Its latest failure: Flink's logs are those of its processes, of all jobs together."""
        told = self._api.exceptions(run.natural_id).latest.splitlines()
        url = f"{self._place.url}/#/job/running/{run.natural_id}/exceptions"
        return LogTail(told[: max(0, lines)], told[0] if told else None, url)
