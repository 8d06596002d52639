"""MLflow: a look is its runs, and the parts that are due. It starts nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final, NoReturn

import httpx

from adapters.base.parts import Part, Parts, observed
from adapters.mlflow import check, open_runs, registry, runs
from adapters.mlflow.api import Api
from adapters.mlflow.config import Config as MLflowConfig
from adapters.mlflow.events import Place
from adapters.mlflow.site import Site
from hub.errors import Declined
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

#: Requests of a quiet poll beside the three for experiments and runs.
BESIDE: Final = 3
_SETUP: Final = """\
Nothing to set up: MLflow has no OpenLineage of its own, and all that it knows is polled.
"""


@adapters.register("mlflow")
class MLflow:
    """One tracking server with its model registry."""

    Config: ClassVar[type[AdapterConfig]] = MLflowConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    keyed: ClassVar[bool] = True

    def __init__(
        self,
        config: MLflowConfig,
        asked: Asked,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._api = Api(config, transport=transport, sleep=sleep)
        self._place = Place(asked.namespace, config.url)
        self._parents: dict[str, str | None] = {}
        self._history = history = timedelta(days=config.history_days)
        parts: tuple[Part[Site], ...] = (
            Part("versions", 30, 2, lambda site, state: registry.versions(site, state, history)),
            Part("moved", 30, 1, registry.moved),
            Part("open", 120, 1, open_runs.look),
        )
        self._parts = Parts(parts, beside=BESIDE)

    def observe(self, cursor: Json, as_of: datetime, known: Known) -> Observed:
        """The cursor has one member per part, and `due`: when each is to be looked at next."""
        before = self._api.http.requests
        site = Site(self._api, self._place, self._parents, as_of, known)
        first = {"runs": runs.look(site, cursor.get("runs", {}), self._history)}
        others, due = self._parts.take(site, cursor, as_of)
        requests = self._api.http.requests - before
        return observed(first | others, cursor, due, requests, self._api.http.skew_s)

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api))

    def launch(self, request: LaunchRequest) -> Launched:
        _starts_nothing(request.job.name)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        _starts_nothing(request.job.name)

    def backfill(self, plan: BackfillPlan) -> Launched:
        _starts_nothing(plan.job.name)

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:  # noqa: ARG002
        _starts_nothing(plan.job.name)

    def steer(self, natural_id: str, wish: Wish) -> None:  # noqa: ARG002
        _starts_nothing(natural_id)

    def caused(self, request: LaunchRequest) -> Effects:
        _starts_nothing(request.job.name)

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:  # noqa: ARG002
        """MLflow keeps no logs."""
        return LogTail(())

    def openlineage_setup(self, hub_url: str) -> str:  # noqa: ARG002
        return _SETUP

    def close(self) -> None:
        self._api.http.close()


def _starts_nothing(name: str) -> NoReturn:
    raise Declined(f"MLflow starts nothing ({name}): launch the job that trains, where it runs")
