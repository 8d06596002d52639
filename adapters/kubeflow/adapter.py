"""Kubeflow Pipelines as an orchestrator: a look is its runs, and the parts that are due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from adapters.base.in_parts import InParts
from adapters.base.parts import Look, Part
from adapters.kubeflow import check, inventory, launch, open_runs, runs
from adapters.kubeflow.api import Api
from adapters.kubeflow.config import Config as KubeflowConfig
from adapters.kubeflow.events import Place
from adapters.kubeflow.site import Names, Site
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

#: Requests of a quiet poll beside the two for runs.
BESIDE: Final = 2
_SETUP: Final = """\
Nothing to set up: Kubeflow Pipelines has no OpenLineage of its own, and what it knows is polled.

What runs in a component (Spark, the OpenLineage client) may send its own events to

  {hub_url}/api/v1/lineage        (a token with the scope ingest)
"""


@adapters.register("kubeflow")
class Kubeflow(InParts[KubeflowConfig, Api, Site]):
    """One Kubeflow Pipelines, or one namespace of it. Its API has no logs."""

    Config: ClassVar[type[AdapterConfig]] = KubeflowConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.LAUNCH})
    keyed: ClassVar[bool] = False
    title: ClassVar = "Kubeflow"
    setup: ClassVar = _SETUP
    connect = Api

    def parts(self) -> tuple[Sequence[Part[Site]], int]:
        self._place = Place(self._namespace, self._config.url)
        self._names = Names(self._api)
        parts: tuple[Part[Site], ...] = (
            Part("recurring", 60, 1, inventory.recurring),
            Part("open", 120, 1, open_runs.look),
            Part("pipelines", 300, 1, inventory.pipelines),
        )
        return parts, BESIDE

    def site(self, cursor: Json, as_of: datetime, known: Known) -> Site:
        self._names.restore(cursor.get("names", {}))
        zone = self._config.timezone
        return Site(self._api, self._names, self._place, zone, as_of, known)

    def runs(self, site: Site, state: Json) -> Look:
        return runs.look(site, state, timedelta(days=self._config.history_days))

    def kept(self) -> Json:
        return {"names": self._names.held}

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api, self._config.kubernetes_namespace))

    def launch(self, request: LaunchRequest) -> Launched:
        return launch.launch(self._api, self._place, request, self._config.experiment_id)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        return launch.find_launched(self._api, self._place, request)
