"""Argo Workflows as an orchestrator: a look is its workflows, and the parts that are due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

import httpx

from adapters.argo import check, cron, launch, logs, open_runs, runs
from adapters.argo.api import Api
from adapters.argo.config import Config as ArgoConfig
from adapters.argo.events import Place
from adapters.argo.site import Site
from adapters.base.parts import Part, Parts, observed
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

#: Requests of a quiet poll beside the two for workflows.
BESIDE: Final = 2
_SETUP: Final = """\
Nothing to set up: Argo has no OpenLineage of its own, and all that it knows is polled.

What runs in a pod (dbt-ol, Spark, the OpenLineage client) may send its own events to

  {hub_url}/api/v1/lineage        (a token with the scope ingest)
"""


@adapters.register("argo")
class Argo:
    """One Argo server."""

    Config: ClassVar[type[AdapterConfig]] = ArgoConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.LAUNCH, Capability.LOG_TAIL}
    )
    keyed: ClassVar[bool] = True

    def __init__(
        self,
        config: ArgoConfig,
        asked: Asked,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._api = Api(config, transport=transport, sleep=sleep)
        self._place = Place(asked.namespace, config.url)
        self._timezone = config.timezone
        self._history = timedelta(days=config.history_days)
        parts: tuple[Part[Site], ...] = (
            Part("cron", 60, 1, cron.look),
            Part("open", 120, 1, open_runs.look),
            Part("templates", 300, 1, cron.templates),
        )
        self._parts = Parts(parts, beside=BESIDE)

    def observe(self, cursor: Json, as_of: datetime, known: Known) -> Observed:
        """The cursor has one member per part, and `due`: when each is to be looked at next."""
        before = self._api.http.requests
        site = Site(self._api, self._place, self._timezone, as_of, known)
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
        raise Declined(f"Argo has no backfills to ask for ({plan.job.name})")

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:  # noqa: ARG002
        raise NotFound(f"Argo has no backfills to ask for ({plan.job.name})")

    def steer(self, natural_id: str, wish: Wish) -> None:  # noqa: ARG002
        raise NotFound(f"Argo has no backfills to ask for ({natural_id})")

    def caused(self, request: LaunchRequest) -> Effects:
        raise NotFound(f"Argo takes no asset events ({request.job.name})")

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:
        return logs.log_tail(self._api, self._place, run, attempt, lines)

    def openlineage_setup(self, hub_url: str) -> str:
        return _SETUP.format(hub_url=hub_url.rstrip("/"))

    def close(self) -> None:
        self._api.http.close()
