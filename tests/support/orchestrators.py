"""An orchestrator that says what a test tells it to, behind the adapter port."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar

from hub.ports import (
    AdapterConfig,
    Asked,
    BackfillPlan,
    Capability,
    Effects,
    Finding,
    Grade,
    Json,
    Known,
    Launched,
    LaunchRequest,
    LogTail,
    Observed,
    RunName,
    SecretRef,
    Wish,
    adapters,
)

KIND = "scripted"

Answer = Callable[[Json, datetime, Known], Observed]


class ScriptedConfig(AdapterConfig):
    url: str
    password: SecretRef | None = None


class Scripted:
    """Answers with what stands in `script`, a function or an exception per poll; then nothing."""

    Config: ClassVar[type[AdapterConfig]] = ScriptedConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.LAUNCH})
    keyed: ClassVar[bool] = True
    script: ClassVar[list[Answer | Exception | Observed]] = []
    findings: ClassVar[list[Finding]] = [Finding("address", Grade.GOOD)]

    def __init__(self, config: Any, asked: Asked) -> None:
        self.config = config
        self.asked = asked

    def observe(self, cursor: Json, as_of: datetime, known: Known) -> Observed:
        if not self.script:
            return Observed(cursor=cursor, requests=1)
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Observed) else answer(cursor, as_of, known)

    def check_connection(self) -> Sequence[Finding]:
        return self.findings

    def launch(self, request: LaunchRequest) -> Launched:
        return Launched(request.key, f"launched__{request.key}")

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        return None

    def backfill(self, plan: BackfillPlan) -> Launched:
        raise AssertionError("it has no such capability")

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:
        raise AssertionError("it has no such capability")

    def steer(self, natural_id: str, wish: Wish) -> None:
        raise AssertionError("it has no such capability")

    def caused(self, request: LaunchRequest) -> Effects:
        raise AssertionError("it has no asset events")

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:
        raise AssertionError("it has no such capability")

    def openlineage_setup(self, hub_url: str) -> str:
        return f"OPENLINEAGE_URL={hub_url}"

    def close(self) -> None:
        pass


@contextmanager
def scripted(*answers: Answer | Exception | Observed) -> Iterator[type[Scripted]]:
    """The kind `scripted` is known, and says these things."""
    if KIND not in adapters:
        adapters.add(KIND, Scripted)
    Scripted.script = list(answers)
    try:
        yield Scripted
    finally:
        Scripted.script = []
