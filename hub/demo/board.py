"""A board on the wall of the made-up office, where incidents are shown: a channel that reaches nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from hub.ports import Action, Delivery, Finding, Grade, Json, NotifierConfig, notifiers

KIND: Final = "demo_board"


class Board:
    """Takes whatever it is told; nothing leaves the process."""

    Config: ClassVar[type[NotifierConfig]] = NotifierConfig
    keyed: ClassVar[bool] = True

    def __init__(self, config: Any, target: str) -> None:
        """There is nothing to be set."""

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        return {**held, "shown": delivery.key}

    def inbound(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Action]:  # noqa: ARG002  nobody writes on it
        return ()

    def check(self) -> Sequence[Finding]:
        return [Finding("board", Grade.GOOD, "it hangs on a wall that nobody looks at")]

    def close(self) -> None:
        """Nothing is held open."""


def hang_up() -> None:
    """Makes the kind known; of a demo alone, for no other hub has use for it."""
    if KIND not in notifiers:
        notifiers.register(KIND)(Board)
