"""An adapter that looks in parts: what all of that kind do alike, and what none of them can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar, Generic, Protocol, TypeVar

import httpx

from adapters.base.http import Http
from adapters.base.parts import Look, Part, Parts, observed
from hub.errors import Declined, NotFound
from hub.ports import (
    AdapterConfig,
    Asked,
    BackfillPlan,
    Effects,
    Json,
    Known,
    Launched,
    LaunchRequest,
    LogTail,
    Observed,
    RunName,
    Wish,
)


class HasHttp(Protocol):
    """What an orchestrator is asked by."""

    http: Http


C = TypeVar("C", bound=AdapterConfig)
A = TypeVar("A", bound=HasHttp)
S = TypeVar("S")


class InParts(ABC, Generic[C, A, S]):
    """A look is its runs, and the parts that are due.

    title: the orchestrator's name. setup: what `openlineage_setup` says, with `{hub_url}` for ours.
    starts_nothing: of one that starts no jobs, what to do instead. connect: makes what it is asked by.
    """

    title: ClassVar[str]
    setup: ClassVar[str] = ""
    starts_nothing: ClassVar[str] = ""
    keyed: ClassVar[bool] = True
    connect: Callable[..., A]

    def __init__(
        self,
        config: C,
        asked: Asked,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._config = config
        self._namespace = asked.namespace
        self._api: A = self.connect(config, transport=transport, sleep=sleep)
        parts, beside = self.parts()
        self._parts = Parts(parts, beside=beside)

    def parts(self) -> tuple[Sequence[Part[S]], int]:
        """What is looked at beside the runs, and for how many requests of a quiet poll."""
        return (), 0

    @abstractmethod
    def site(self, cursor: Json, as_of: datetime, known: Known) -> S:
        """What the parts of one look share."""

    @abstractmethod
    def runs(self, site: S, state: Json) -> Look:
        """What each poll looks at."""

    def kept(self) -> Json:
        """What the cursor holds beside the parts and `due`, when each is to be looked at next."""
        return {}

    def observe(self, cursor: Json, as_of: datetime, known: Known) -> Observed:
        before = self._api.http.requests
        site = self.site(cursor, as_of, known)
        first = {"runs": self.runs(site, cursor.get("runs", {}))}
        others, due = self._parts.take(site, cursor, as_of)
        requests = self._api.http.requests - before
        held = cursor | self.kept()
        return observed(first | others, held, due, requests, self._api.http.skew_s)

    def launch(self, request: LaunchRequest) -> Launched:
        raise self._declined(request.job.name)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        raise self._declined(request.job.name)

    def backfill(self, plan: BackfillPlan) -> Launched:
        raise Declined(self._no_backfills(plan.job.name))

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:  # noqa: ARG002
        raise NotFound(self._no_backfills(plan.job.name))

    def steer(self, natural_id: str, wish: Wish) -> None:  # noqa: ARG002
        raise NotFound(self._no_backfills(natural_id))

    def caused(self, request: LaunchRequest) -> Effects:
        raise NotFound(f"{self.title} takes no asset events ({request.job.name})")

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:  # noqa: ARG002
        """Nothing: it has no logs to tell."""
        return LogTail(())

    def openlineage_setup(self, hub_url: str) -> str:
        return self.setup.format(hub_url=hub_url.rstrip("/"))

    def close(self) -> None:
        self._api.http.close()

    def _declined(self, name: str) -> Declined:
        return Declined(f"the hub starts no jobs of {self.title} ({name}): {self.starts_nothing}")

    def _no_backfills(self, name: str) -> str:
        return f"{self.title} has no backfills to ask for ({name})"
