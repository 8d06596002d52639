"""Argo Workflows as an orchestrator: a look is its workflows, and the parts that are due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from adapters.argo import check, cron, launch, logs, open_runs, runs
from adapters.argo.api import Api
from adapters.argo.config import Config as ArgoConfig
from adapters.argo.events import Place
from adapters.argo.site import Site
from adapters.base.in_parts import InParts
from adapters.base.parts import Look, Part
from hub.ports import (
    AdapterConfig,
    Capability,
    Finding,
    Json,
    Known,
    Launched,
    LaunchRequest,
    LogTail,
    RunName,
    adapters,
)

#: Requests of a quiet poll beside the two for workflows.
BESIDE: Final = 2
_SETUP: Final = """\
Nothing to set up: Argo has no OpenLineage of its own, and all that it knows is polled.

What runs in a pod (dbt-ol, Spark, the OpenLineage client) may send its own events to

  {hub_url}/api/v1/lineage        (a token with the scope ingest)
"""


@adapters.register("argo")
class Argo(InParts[ArgoConfig, Api, Site]):
    """One Argo server."""

    Config: ClassVar[type[AdapterConfig]] = ArgoConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.LAUNCH, Capability.LOG_TAIL}
    )
    title: ClassVar = "Argo"
    setup: ClassVar = _SETUP
    connect = Api

    def parts(self) -> tuple[Sequence[Part[Site]], int]:
        self._place = Place(self._namespace, self._config.url)
        parts: tuple[Part[Site], ...] = (
            Part("cron", 60, 1, cron.look),
            Part("open", 120, 1, open_runs.look),
            Part("templates", 300, 1, cron.templates),
        )
        return parts, BESIDE

    def site(self, cursor: Json, as_of: datetime, known: Known) -> Site:  # noqa: ARG002
        return Site(self._api, self._place, self._config.timezone, as_of, known)

    def runs(self, site: Site, state: Json) -> Look:
        return runs.look(site, state, timedelta(days=self._config.history_days))

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api))

    def launch(self, request: LaunchRequest) -> Launched:
        return launch.launch(self._api, self._place, request)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        return launch.find_launched(self._api, self._place, request)

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:
        return logs.log_tail(self._api, self._place, run, attempt, lines)
