"""MLflow: a look is its runs, and the parts that are due. It starts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from adapters.base.in_parts import InParts
from adapters.base.parts import Look, Part
from adapters.mlflow import check, open_runs, registry, runs
from adapters.mlflow.api import Api
from adapters.mlflow.config import Config as MLflowConfig
from adapters.mlflow.events import Place
from adapters.mlflow.site import Site
from hub.ports import (
    AdapterConfig,
    Capability,
    Finding,
    Json,
    Known,
    adapters,
)

#: Requests of a quiet poll beside the three for experiments and runs.
BESIDE: Final = 3
_SETUP: Final = """\
Nothing to set up: MLflow has no OpenLineage of its own, and all that it knows is polled.
"""


@adapters.register("mlflow")
class MLflow(InParts[MLflowConfig, Api, Site]):
    """One tracking server with its model registry."""

    Config: ClassVar[type[AdapterConfig]] = MLflowConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    title: ClassVar = "MLflow"
    setup: ClassVar = _SETUP
    starts_nothing: ClassVar = "launch the job that trains, where it runs"
    connect = Api

    def parts(self) -> tuple[Sequence[Part[Site]], int]:
        self._place = Place(self._namespace, self._config.url)
        self._parents: dict[str, str | None] = {}
        self._history = history = timedelta(days=self._config.history_days)
        parts: tuple[Part[Site], ...] = (
            Part("versions", 30, 2, lambda site, state: registry.versions(site, state, history)),
            Part("moved", 30, 1, registry.moved),
            Part("open", 120, 1, open_runs.look),
        )
        return parts, BESIDE

    def site(self, cursor: Json, as_of: datetime, known: Known) -> Site:  # noqa: ARG002
        return Site(self._api, self._place, self._parents, as_of, known)

    def runs(self, site: Site, state: Json) -> Look:
        return runs.look(site, state, self._history)

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api))
