"""Flyte as an orchestrator: a look is its executions, and the parts that are due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from adapters.base.in_parts import InParts
from adapters.base.parts import Look, Part
from adapters.flyte import check, launch, open_runs, plans, runs
from adapters.flyte.api import Api
from adapters.flyte.config import Config as FlyteConfig
from adapters.flyte.events import Place
from adapters.flyte.site import Names, Site
from hub.ports import (
    AdapterConfig,
    Capability,
    Finding,
    Json,
    Known,
    Launched,
    LaunchRequest,
    adapters,
)

_SETUP: Final = """\
Nothing to set up: Flyte has no OpenLineage of its own, and all that it knows is polled.

What runs in a task (dbt-ol, Spark, the OpenLineage client) may send its own events to

  {hub_url}/api/v1/lineage        (a token with the scope ingest)
"""


@adapters.register("flyte")
class Flyte(InParts[FlyteConfig, Api, Site]):
    """Some projects and domains of one Flyte, which keeps no logs, only addresses of them."""

    Config: ClassVar[type[AdapterConfig]] = FlyteConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.LAUNCH})
    title: ClassVar = "Flyte"
    setup: ClassVar = _SETUP
    connect = Api

    def parts(self) -> tuple[Sequence[Part[Site]], int]:
        self._place = Place(self._namespace, self._config.console)
        self._names = Names(self._api)
        many = len(self._config.projects)
        parts: tuple[Part[Site], ...] = (
            Part("plans", 60, many, plans.look),
            Part("open", 120, 1, open_runs.look),
        )
        return parts, many + 1

    def site(self, cursor: Json, as_of: datetime, known: Known) -> Site:  # noqa: ARG002
        asked = (self._config.projects, self._config.timezone)
        return Site(self._api, self._names, self._place, *asked, as_of, known)

    def runs(self, site: Site, state: Json) -> Look:
        return runs.look(site, state, timedelta(days=self._config.history_days))

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api, self._config.projects))

    def launch(self, request: LaunchRequest) -> Launched:
        return launch.launch(self._api, self._place, request)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        return launch.find_launched(self._api, self._place, request)
