"""Flyte as an orchestrator: a look is its executions, and the parts that are due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

import httpx

from adapters.base.parts import Part, Parts, observed
from adapters.flyte import check, launch, open_runs, plans, runs
from adapters.flyte.api import Api
from adapters.flyte.config import Config as FlyteConfig
from adapters.flyte.events import Place
from adapters.flyte.site import Names, Site
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

_SETUP: Final = """\
Nothing to set up: Flyte has no OpenLineage of its own, and all that it knows is polled.

What runs in a task (dbt-ol, Spark, the OpenLineage client) may send its own events to

  {hub_url}/api/v1/lineage        (a token with the scope ingest)
"""


@adapters.register("flyte")
class Flyte:
    """Some projects and domains of one Flyte."""

    Config: ClassVar[type[AdapterConfig]] = FlyteConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.LAUNCH})
    keyed: ClassVar[bool] = True

    def __init__(
        self,
        config: FlyteConfig,
        asked: Asked,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._config = config
        self._api = Api(config, transport=transport, sleep=sleep)
        self._place = Place(asked.namespace, config.console)
        self._names = Names(self._api)
        many = len(config.projects)
        parts: tuple[Part[Site], ...] = (
            Part("plans", 60, many, plans.look),
            Part("open", 120, 1, open_runs.look),
        )
        self._parts = Parts(parts, beside=many + 1)

    def observe(self, cursor: Json, as_of: datetime, known: Known) -> Observed:
        """The cursor has one member per part, and `due`: when each is to be looked at next."""
        before, config = self._api.http.requests, self._config
        site = Site(
            self._api, self._names, self._place, config.projects, config.timezone, as_of, known
        )
        history = timedelta(days=config.history_days)
        first = {"runs": runs.look(site, cursor.get("runs", {}), history)}
        others, due = self._parts.take(site, cursor, as_of)
        requests = self._api.http.requests - before
        return observed(first | others, cursor, due, requests, self._api.http.skew_s)

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api, self._config.projects))

    def launch(self, request: LaunchRequest) -> Launched:
        return launch.launch(self._api, self._place, request)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        return launch.find_launched(self._api, self._place, request)

    def backfill(self, plan: BackfillPlan) -> Launched:
        raise Declined(f"Flyte has no backfills to ask for ({plan.job.name})")

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:  # noqa: ARG002
        raise NotFound(f"Flyte has no backfills to ask for ({plan.job.name})")

    def steer(self, natural_id: str, wish: Wish) -> None:  # noqa: ARG002
        raise NotFound(f"Flyte has no backfills to ask for ({natural_id})")

    def caused(self, request: LaunchRequest) -> Effects:
        raise NotFound(f"Flyte takes no asset events ({request.job.name})")

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:  # noqa: ARG002
        """Flyte keeps no logs, only addresses of them elsewhere."""
        return LogTail(())

    def openlineage_setup(self, hub_url: str) -> str:
        return _SETUP.format(hub_url=hub_url.rstrip("/"))

    def close(self) -> None:
        self._api.http.close()
