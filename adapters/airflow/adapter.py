"""Airflow as an orchestrator: a look is a few small parts, of which the runs come first.

The runs are read at each poll; the other parts have a rhythm of their own, and a poll takes those
that are due longest, as far as its requests reach: a quiet poll asks at most six times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

import httpx
import msgspec
from msgspec import Struct

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
from adapters.airflow.site import Look, Site
from hub.errors import Unavailable
from hub.model import HealthObserved, HealthStatus
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


class Part(Struct, frozen=True):
    """Something to look at every so many seconds, for so many requests when nothing is new."""

    name: str
    every_s: float
    requests: int
    look: Callable[[Site, Json], Look]


#: Requests of a quiet poll beside the two for runs and task instances.
BESIDE: Final = 4


_FAILED: Final = "failed"
_DEGRADED: Final = HealthStatus.DEGRADED


@adapters.register("airflow")
class Airflow:
    """One Airflow, 3.x or 2.x."""

    Config: ClassVar[type[AdapterConfig]] = AirflowConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)
    keyed: ClassVar[bool] = True

    def __init__(
        self,
        config: AirflowConfig,
        asked: Asked,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._asked = asked
        self._api = Api(config, transport=transport, sleep=sleep)
        self._history = timedelta(days=config.history_days)
        self._parts = (
            Part("health", 30, 1, health.look),
            Part("backlog", 30, 3, backlog.look),
            Part("inventory", 60, 2, inventory.look),
            Part("files", 60, 1, dag_health.files),
            Part("written", 60, 1, lambda site, state: assets.written(site, state, self._history)),
            Part("open", 120, 3, open_runs.look),
            Part("assets", 300, 1, assets.look),
        )

    def observe(self, cursor: Json, as_of: datetime, known: Known) -> Observed:
        """The cursor has one member per part, and `due`: when each is to be looked at next."""
        before = self._api.http.requests
        site = Site(self._api, self._asked.namespace, as_of, known)
        looks = {"runs": runs.look(site, cursor.get("runs", {}), self._history)}
        due = dict(cursor.get("due", {}))
        for part in self._due(due, as_of):
            look = looks[part.name] = self._look(part, site, cursor.get(part.name, {}))
            due[part.name] = as_of.timestamp() + (0 if look.more or look.soon else part.every_s)
        return Observed(
            events=[event for look in looks.values() for event in look.events],
            observations=[seen for look in looks.values() for seen in look.observations],
            cursor={**cursor, "due": due, **{name: look.state for name, look in looks.items()}},
            more=any(look.more for look in looks.values()),
            progress="; ".join(look.progress for look in looks.values() if look.progress),
            requests=self._api.http.requests - before,
            skew_s=self._api.http.skew_s,
        )

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
        return setup.openlineage_setup(hub_url, self._asked.namespace)

    def close(self) -> None:
        self._api.http.close()

    def _look(self, part: Part, site: Site, state: Json) -> Look:
        """One part. What it may not read, or what fails, keeps nobody from seeing the others.

        It is told as the health of `read <part>` as long as it lasts.
        """
        try:
            look = part.look(site, {name: held for name, held in state.items() if name != _FAILED})
        except Unavailable as error:
            told = HealthObserved(_DEGRADED, site.as_of, f"read {part.name}", str(error))
            return Look(observations=[told], state={**state, _FAILED: True})
        if not state.get(_FAILED):
            return look
        mended = HealthObserved(HealthStatus.HEALTHY, site.as_of, f"read {part.name}")
        return msgspec.structs.replace(look, observations=[*look.observations, mended])

    def _due(self, due: Json, as_of: datetime) -> list[Part]:
        """What is due longest, within what a quiet poll may ask."""
        now = as_of.timestamp()
        waiting = [part for part in self._parts if due.get(part.name, 0) <= now]
        chosen, left = [], BESIDE
        for part in sorted(waiting, key=lambda part: float(due.get(part.name, 0))):
            if part.requests <= left:
                chosen.append(part)
                left -= part.requests
        return chosen
