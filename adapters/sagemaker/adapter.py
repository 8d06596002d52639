"""SageMaker Pipelines as an orchestrator: a look is what began, and what was open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from adapters.base.in_parts import InParts
from adapters.base.parts import Look
from adapters.sagemaker import check, launch, runs
from adapters.sagemaker.api import Api
from adapters.sagemaker.config import Config as SageMakerConfig
from adapters.sagemaker.site import Site
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

_SETUP: Final = """\
Nothing to set up: SageMaker Pipelines have no OpenLineage of their own, and what they know is polled.
"""


@adapters.register("sagemaker")
class SageMaker(InParts[SageMakerConfig, Api, Site]):
    """The pipelines of one account in one region. CloudWatch, which has their logs, is not asked."""

    Config: ClassVar[type[AdapterConfig]] = SageMakerConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.LAUNCH})
    title: ClassVar = "SageMaker"
    setup: ClassVar = _SETUP
    connect = Api

    def site(self, cursor: Json, as_of: datetime, known: Known) -> Site:  # noqa: ARG002
        return Site(self._api, self._namespace, as_of, known)

    def runs(self, site: Site, state: Json) -> Look:
        return runs.look(site, state, timedelta(days=self._config.history_days))

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api))

    def launch(self, request: LaunchRequest) -> Launched:
        return launch.launch(self._api, request)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        return launch.find_launched(self._api, request, datetime.now(UTC).timestamp())
