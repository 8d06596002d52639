"""SageMaker Pipelines as an orchestrator: a look is what began, and what was open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

import httpx

from adapters.base.parts import observed
from adapters.sagemaker import check, launch, runs
from adapters.sagemaker.api import Api
from adapters.sagemaker.config import Config as SageMakerConfig
from adapters.sagemaker.site import Site
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
Nothing to set up: SageMaker Pipelines have no OpenLineage of their own, and what they know is polled.
"""


@adapters.register("sagemaker")
class SageMaker:
    """The pipelines of one account in one region."""

    Config: ClassVar[type[AdapterConfig]] = SageMakerConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.LAUNCH})
    keyed: ClassVar[bool] = True

    def __init__(
        self,
        config: SageMakerConfig,
        asked: Asked,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._api = Api(config, transport=transport, sleep=sleep)
        self._namespace = asked.namespace
        self._history = timedelta(days=config.history_days)

    def observe(self, cursor: Json, as_of: datetime, known: Known) -> Observed:
        before = self._api.http.requests
        site = Site(self._api, self._namespace, as_of, known)
        looks = {"runs": runs.look(site, cursor.get("runs", {}), self._history)}
        requests = self._api.http.requests - before
        return observed(looks, cursor, {}, requests, self._api.http.skew_s)

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api))

    def launch(self, request: LaunchRequest) -> Launched:
        return launch.launch(self._api, request)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        return launch.find_launched(self._api, request, datetime.now(UTC).timestamp())

    def backfill(self, plan: BackfillPlan) -> Launched:
        raise Declined(f"SageMaker has no backfills of its own ({plan.job.name})")

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:  # noqa: ARG002
        raise NotFound(f"SageMaker has no backfills of its own ({plan.job.name})")

    def steer(self, natural_id: str, wish: Wish) -> None:  # noqa: ARG002
        raise NotFound(f"SageMaker has no backfills of its own ({natural_id})")

    def caused(self, request: LaunchRequest) -> Effects:
        raise NotFound(f"SageMaker takes no asset events ({request.job.name})")

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:  # noqa: ARG002
        """Logs are in CloudWatch, which is not asked."""
        return LogTail(())

    def openlineage_setup(self, hub_url: str) -> str:  # noqa: ARG002
        return _SETUP

    def close(self) -> None:
        self._api.http.close()
