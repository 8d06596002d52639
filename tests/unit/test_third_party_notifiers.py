"""A notifier of another distribution needs no more than what the Protocol asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from alerting.channels import Channels
from alerting.declared import DeclaredTarget
from alerting.plan import Plan, Target
from hub.ports import Action, Delivery, Finding, Json, NotifierConfig


class Foreign:
    """As the Protocol has it, and nothing else."""

    Config: ClassVar[type[NotifierConfig]] = NotifierConfig
    keyed: ClassVar[bool] = True

    def __init__(self, config: Any, target: str) -> None:
        self.told: dict[str, Any] = {"target": target}

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        return held

    def inbound(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Action]:
        return ()

    def check(self) -> Sequence[Finding]:
        return ()

    def close(self) -> None:
        """Nothing is held open."""


class Reaching(Foreign):
    """One that wants to know where it may connect to."""

    def __init__(self, config: Any, target: str, allowed: Sequence[str]) -> None:
        super().__init__(config, target)
        self.told["allowed"] = allowed


class Open(Foreign):
    """One that takes whatever it is told."""

    def __init__(self, config: Any, target: str, **more: Any) -> None:
        super().__init__(config, target)
        self.told |= more


def made(kind: type[Foreign]) -> dict[str, Any]:
    target = Target(DeclaredTarget(name="chat", kind="foreign"), kind, NotifierConfig())
    notifier = Channels(Plan(targets={"chat": target}), ["10.0.0.0/8"]).get("chat")
    assert isinstance(notifier, Foreign)
    return notifier.told


def test_one_that_does_not_ask_is_not_told_which_networks_are_allowed() -> None:
    assert made(Foreign) == {"target": "chat"}


def test_one_that_asks_is_told() -> None:
    assert made(Reaching) == {"target": "chat", "allowed": ("10.0.0.0/8",)}
    assert made(Open) == {"target": "chat", "allowed": ("10.0.0.0/8",)}


def test_one_that_does_not_say_so_is_sent_no_digests() -> None:
    target = Target(DeclaredTarget(name="chat", kind="foreign"), Foreign, NotifierConfig())
    assert not target.shows_digests
