"""Airflow as an orchestrator: a look is a few small parts, of which the runs come first.

The runs are read at each poll; the other parts have a rhythm of their own, and a poll takes those
that are due longest, as far as its requests reach: a quiet poll asks at most six times.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from adapters.airflow import (
    asset_events,
    assets,
    backfills,
    backlog,
    check,
    dag_health,
    health,
    inventory,
    launch,
    logs,
    open_runs,
    runs,
    setup,
)
from adapters.airflow.api import Api
from adapters.airflow.config import Config as AirflowConfig
from adapters.airflow.site import Site
from adapters.base.in_parts import InParts
from adapters.base.parts import Look, Part
from hub.ports import (
    AdapterConfig,
    BackfillPlan,
    Capability,
    Effects,
    Finding,
    Json,
    Known,
    Launched,
    LaunchRequest,
    LogTail,
    RunName,
    Wish,
    adapters,
)

#: Requests of a quiet poll beside the two for runs and task instances.
BESIDE: Final = 4


@adapters.register("airflow")
class Airflow(InParts[AirflowConfig, Api, Site]):
    """One Airflow, 3.x or 2.x."""

    Config: ClassVar[type[AdapterConfig]] = AirflowConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)
    title: ClassVar = "Airflow"
    connect = Api

    def parts(self) -> tuple[Sequence[Part[Site]], int]:
        return (
            Part("health", 30, 1, health.look),
            Part("backlog", 30, 3, backlog.look),
            Part("inventory", 60, 2, inventory.look),
            Part("files", 60, 1, dag_health.files),
            Part("written", 60, 1, lambda site, state: assets.written(site, state, self._history)),
            Part("open", 120, 3, open_runs.look),
            Part("assets", 300, 1, assets.look),
        ), BESIDE

    @property
    def _history(self) -> timedelta:
        return timedelta(days=self._config.history_days)

    def site(self, cursor: Json, as_of: datetime, known: Known) -> Site:  # noqa: ARG002
        return Site(self._api, self._namespace, as_of, known)

    def runs(self, site: Site, state: Json) -> Look:
        return runs.look(site, state, self._history)

    def check_connection(self) -> Sequence[Finding]:
        return check.check(self._api)

    def launch(self, request: LaunchRequest) -> Launched:
        return launch.launch(self._api, request)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        return launch.find_launched(self._api, request)

    def backfill(self, plan: BackfillPlan) -> Launched:
        return backfills.backfill(self._api, plan)

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:
        return backfills.backfilled(self._api, plan, natural_id)

    def steer(self, natural_id: str, wish: Wish) -> None:
        backfills.steer(self._api, natural_id, wish)

    def caused(self, request: LaunchRequest) -> Effects:
        return asset_events.caused(self._api, request)

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:
        return logs.log_tail(self._api, run, attempt, lines)

    def openlineage_setup(self, hub_url: str) -> str:
        return setup.openlineage_setup(hub_url, self._namespace)
