"""Prefect as an orchestrator: a look is its runs, and the parts that are due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

import httpx

from adapters.base.parts import Part, Parts, observed
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
from hub.errors import Declined, NotFound
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

#: Requests of a quiet poll beside the four for runs.
BESIDE: Final = 2


@adapters.register("prefect")
class Prefect:
    """One Prefect server, or one workspace of Prefect Cloud."""

    Config: ClassVar[type[AdapterConfig]] = PrefectConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.LAUNCH, Capability.LOG_TAIL}
    )
    keyed: ClassVar[bool] = True

    def __init__(
        self,
        config: PrefectConfig,
        asked: Asked,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._api = Api(config, transport=transport, sleep=sleep)
        self._place = Place(asked.namespace, config.page)
        self._names = Names(self._api)
        self._history = history = timedelta(days=config.history_days)
        parts: tuple[Part[Site], ...] = (
            Part("backlog", 30, 2, backlog.look),
            Part("inventory", 60, 1, inventory.look),
            Part("written", 60, 1, lambda site, state: feed.written(site, state, history)),
            Part("marked", 60, 1, lambda site, state: feed.marked(site, state, history)),
            Part("artifacts", 60, 1, artifacts.look),
            Part("open", 120, 2, open_runs.look),
        )
        self._parts = Parts(parts, beside=BESIDE)

    def observe(self, cursor: Json, as_of: datetime, known: Known) -> Observed:
        """The cursor has one member per part, and `due`: when each is to be looked at next."""
        before = self._api.http.requests
        site = Site(self._api, self._names, self._place, as_of, known)
        first = {"runs": runs.look(site, cursor.get("runs", {}), self._history)}
        others, due = self._parts.take(site, cursor, as_of)
        requests = self._api.http.requests - before
        return observed(first | others, cursor, due, requests, self._api.http.skew_s)

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api))

    def launch(self, request: LaunchRequest) -> Launched:
        return launch.launch(self._api, self._place, request)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        return launch.find_launched(self._api, self._place, request)

    def backfill(self, plan: BackfillPlan) -> Launched:
        raise Declined(f"Prefect has no backfills of its own ({plan.job.name})")

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:  # noqa: ARG002
        raise NotFound(f"Prefect has no backfills of its own ({plan.job.name})")

    def steer(self, natural_id: str, wish: Wish) -> None:  # noqa: ARG002
        raise NotFound(f"Prefect has no backfills of its own ({natural_id})")

    def caused(self, request: LaunchRequest) -> Effects:
        raise NotFound(f"Prefect takes no asset events ({request.job.name})")

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:  # noqa: ARG002
        """Prefect keeps the tries of a run in one log."""
        return logs.log_tail(self._api, self._place, run, lines)

    def openlineage_setup(self, hub_url: str) -> str:
        return setup.openlineage_setup(hub_url, self._place.namespace)

    def close(self) -> None:
        self._api.http.close()
