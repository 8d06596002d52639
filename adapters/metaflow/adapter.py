"""Metaflow: a look is its runs, as its metadata service tells them. It starts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from adapters.base.in_parts import InParts
from adapters.base.parts import Look
from adapters.metaflow import check, runs
from adapters.metaflow.api import Api
from adapters.metaflow.config import Config as MetaflowConfig
from adapters.metaflow.events import Place
from adapters.metaflow.site import Site
from hub.ports import AdapterConfig, Capability, Finding, Json, Known, adapters

_SETUP: Final = """\
Nothing to set up: Metaflow has no OpenLineage of its own, and what its metadata service holds is polled.
Flows write to it that run with

  METAFLOW_DEFAULT_METADATA=service
  METAFLOW_SERVICE_URL=<the service>

Flows without a service are seen when they are wrapped:

  trackside exec --url {hub_url} --name Train -- python train.py run
"""


@adapters.register("metaflow")
class Metaflow(InParts[MetaflowConfig, Api, Site]):
    """One metadata service."""

    Config: ClassVar[type[AdapterConfig]] = MetaflowConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    title: ClassVar = "Metaflow"
    setup: ClassVar = _SETUP
    starts_nothing: ClassVar = "launch what it was deployed to, an Argo Workflows or an Airflow"
    connect = Api

    def site(self, cursor: Json, as_of: datetime, known: Known) -> Site:  # noqa: ARG002
        return Site(self._api, self._config, Place(self._namespace), as_of)

    def runs(self, site: Site, state: Json) -> Look:
        return runs.look(site, state)

    def check_connection(self) -> Sequence[Finding]:
        return list(check.check(self._api, self._config.flows))
