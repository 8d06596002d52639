"""Dagster and Dagster+, asked over GraphQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

import httpx

from adapters.base import Http
from adapters.dagster.asset_events import find_report, report
from adapters.dagster.backfills import backfill, backfilled, steer
from adapters.dagster.check import findings
from adapters.dagster.config import DagsterConfig
from adapters.dagster.events import Place
from adapters.dagster.graphql import GraphQL
from adapters.dagster.launch import find, find_rerun, launch
from adapters.dagster.logs import tail
from adapters.dagster.look import Look
from adapters.dagster.partitions import Stood
from adapters.dagster.setup import setup_text
from adapters.dagster.slots import Slots
from adapters.dagster.state import Settled, state_of
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
    LaunchKind,
    LaunchRequest,
    LogTail,
    Observed,
    RunName,
    Wish,
)

TOKEN_HEADER: Final = "Dagster-Cloud-Api-Token"  # noqa: S105  a name, not a token


class Dagster:
    """One deployment. Between calls it keeps its connection, and what it need not ask again."""

    Config: ClassVar[type[AdapterConfig]] = DagsterConfig
    capabilities: ClassVar = frozenset(Capability) - {Capability.BACKFILL_RANGE}
    keyed: ClassVar[bool] = False  # two calls make two runs, whatever their tags

    def __init__(
        self,
        config: DagsterConfig,
        asked: Asked,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._config = config
        self._place = Place(asked.namespace, config.url)
        self._http = Http(
            config.url,
            authorize=self._headers,
            verify=config.verify,
            transport=transport,
            sleep=sleep,
        )
        self._graphql = GraphQL(self._http)
        self._slots = Slots(self._graphql)
        self._settled = Settled()
        self._stood = Stood()

    def observe(self, cursor: Json, as_of: datetime, known: Known) -> Observed:
        before = self._http.requests
        self._settled.resume(cursor)
        self._stood.resume(cursor)
        state = state_of(cursor)
        kept = (self._slots, self._place, self._settled, self._stood)
        look = Look(self._graphql, *kept, state, as_of)
        look.take(known, timedelta(days=self._config.history_days))
        self._stood.hand(look.state.cursor())
        return Observed(
            look.events,
            look.observations,
            self._settled.hand(look.state.cursor()),
            more=look.more,
            progress=look.progress,
            requests=self._http.requests - before,
            skew_s=self._http.skew_s,
        )

    def check_connection(self) -> Sequence[Finding]:
        authenticated = self._config.token is not None or bool(self._config.headers)
        return list(findings(self._graphql, authenticated=authenticated))

    def launch(self, request: LaunchRequest) -> Launched:
        if request.kind is LaunchKind.ASSET_EVENT:
            return report(self._graphql, request)
        return launch(self._graphql, request, self._place)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        if request.kind is LaunchKind.ASSET_EVENT:
            return find_report(self._graphql, request)
        if request.failed is not None:
            return find_rerun(self._graphql, request, request.failed, self._place)
        return find(self._graphql, request.key, self._place)

    def backfill(self, plan: BackfillPlan) -> Launched:
        return backfill(self._graphql, plan, self._place)

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:
        return backfilled(self._graphql, plan, natural_id)

    def steer(self, natural_id: str, wish: Wish) -> None:
        steer(self._graphql, natural_id, wish)

    def caused(self, request: LaunchRequest) -> Effects:  # noqa: ARG002
        """None: Dagster does not tell which runs an asset event has brought about."""
        return Effects(over=True)

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:  # noqa: ARG002
        """Of a step, or of a whole run. Dagster keeps the tries of a step in one log."""
        run_id, _, step = run.natural_id.partition("/")
        return tail(self._graphql, run_id, step, lines, self._place)

    def openlineage_setup(self, hub_url: str) -> str:
        return setup_text(hub_url, self._place.namespace)

    def close(self) -> None:
        self._http.close()

    def _headers(self, refused: bool) -> Mapping[str, str]:  # noqa: ARG002, FBT001
        """Resolved for each request, so that a rotated secret is picked up."""
        told = {name: ref.resolve().reveal() for name, ref in self._config.headers.items()}
        if self._config.token is not None:
            told[TOKEN_HEADER] = self._config.token.resolve().reveal()
        return told
