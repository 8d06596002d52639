"""Prefect as an orchestrator: a look is its runs, and the parts that are due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from adapters.base.in_parts import InParts
from adapters.base.parts import Look, Part
from adapters.prefect import (
    artifacts,
    backlog,
    check,
    feed,
    inventory,
    launch,
    logs,
    open_runs,
    runs,
    setup,
)
from adapters.prefect.api import Api
from adapters.prefect.config import Config as PrefectConfig
from adapters.prefect.events import Place
from adapters.prefect.site import Names, Site
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

#: Requests of a quiet poll beside the four for runs.
BESIDE: Final = 2


@adapters.register("prefect")
class Prefect(InParts[PrefectConfig, Api, Site]):
    """One Prefect server, or one workspace of Prefect Cloud."""

    Config: ClassVar[type[AdapterConfig]] = PrefectConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.LAUNCH, Capability.LOG_TAIL}
    )
    title: ClassVar = "Prefect"
    connect = Api

    def parts(self) -> tuple[Sequence[Part[Site]], int]:
        self._place = Place(self._namespace, self._config.page)
        self._names = Names(self._api)
        self._history = history = timedelta(days=self._config.history_days)
        parts: tuple[Part[Site], ...] = (
            Part("backlog", 30, 2, backlog.look),
            Part("inventory", 60, 1, inventory.look),
            Part("written", 60, 1, lambda site, state: feed.written(site, state, history)),
            Part("marked", 60, 1, lambda site, state: feed.marked(site, state, history)),
            Part("artifacts", 60, 1, artifacts.look),
            Part("open", 120, 2, open_runs.look),
        )
        return parts, BESIDE

    def site(self, cursor: Json, as_of: datetime, known: Known) -> Site:  # noqa: ARG002
        return Site(self._api, self._names, self._place, as_of, known)

    def runs(self, site: Site, state: Json) -> Look:
        return runs.look(site, state, self._history)

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api))

    def launch(self, request: LaunchRequest) -> Launched:
        return launch.launch(self._api, self._place, request)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        return launch.find_launched(self._api, self._place, request)

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:  # noqa: ARG002
        """Prefect keeps the tries of a run in one log."""
        return logs.log_tail(self._api, self._place, run, lines)

    def openlineage_setup(self, hub_url: str) -> str:
        return setup.openlineage_setup(hub_url, self._place.namespace)
