"""Kubeflow Pipelines as an orchestrator: a look is its runs, and the parts that are due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

import httpx

from adapters.base.parts import Part, Parts, observed
from adapters.kubeflow import check, inventory, launch, open_runs, runs
from adapters.kubeflow.api import Api
from adapters.kubeflow.config import Config as KubeflowConfig
from adapters.kubeflow.events import Place
from adapters.kubeflow.site import Names, Site
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

#: Requests of a quiet poll beside the two for runs.
BESIDE: Final = 2
_SETUP: Final = """\
Nothing to set up: Kubeflow Pipelines has no OpenLineage of its own, and what it knows is polled.

What runs in a component (Spark, the OpenLineage client) may send its own events to

  {hub_url}/api/v1/lineage        (a token with the scope ingest)
"""


@adapters.register("kubeflow")
class Kubeflow:
    """One Kubeflow Pipelines, or one namespace of it."""

    Config: ClassVar[type[AdapterConfig]] = KubeflowConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.LAUNCH})
    keyed: ClassVar[bool] = False

    def __init__(
        self,
        config: KubeflowConfig,
        asked: Asked,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._config = config
        self._api = Api(config, transport=transport, sleep=sleep)
        self._place = Place(asked.namespace, config.url)
        self._names = Names(self._api)
        parts: tuple[Part[Site], ...] = (
            Part("recurring", 60, 1, inventory.recurring),
            Part("open", 120, 1, open_runs.look),
            Part("pipelines", 300, 1, inventory.pipelines),
        )
        self._parts = Parts(parts, beside=BESIDE)

    def observe(self, cursor: Json, as_of: datetime, known: Known) -> Observed:
        """The cursor has one member per part, `due`, when each is to be looked at next, and `names`."""
        before = self._api.http.requests
        self._names.restore(cursor.get("names", {}))
        zone = self._config.timezone
        site = Site(self._api, self._names, self._place, zone, as_of, known)
        history = timedelta(days=self._config.history_days)
        first = {"runs": runs.look(site, cursor.get("runs", {}), history)}
        others, due = self._parts.take(site, cursor, as_of)
        requests = self._api.http.requests - before
        kept = {**cursor, "names": self._names.held}
        return observed(first | others, kept, due, requests, self._api.http.skew_s)

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api, self._config.kubernetes_namespace))

    def launch(self, request: LaunchRequest) -> Launched:
        return launch.launch(self._api, self._place, request, self._config.experiment_id)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        return launch.find_launched(self._api, self._place, request)

    def backfill(self, plan: BackfillPlan) -> Launched:
        raise Declined(f"Kubeflow has no backfills of its own ({plan.job.name})")

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:  # noqa: ARG002
        raise NotFound(f"Kubeflow has no backfills of its own ({plan.job.name})")

    def steer(self, natural_id: str, wish: Wish) -> None:  # noqa: ARG002
        raise NotFound(f"Kubeflow has no backfills of its own ({natural_id})")

    def caused(self, request: LaunchRequest) -> Effects:
        raise NotFound(f"Kubeflow takes no asset events ({request.job.name})")

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:  # noqa: ARG002
        """Its API has no logs: they are read from Kubernetes, or from an object store."""
        return LogTail(())

    def openlineage_setup(self, hub_url: str) -> str:
        return _SETUP.format(hub_url=hub_url.rstrip("/"))

    def close(self) -> None:
        self._api.http.close()
