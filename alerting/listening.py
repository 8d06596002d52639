"""Connections that targets hold open for what people ask for in their channels.

Each replica has its own: a channel hands each click to one of them, and what comes twice is done
once. A connection that ends is opened anew, after a failure ever later.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol, runtime_checkable

import structlog

from alerting.channels import Channels
from alerting.plan import Plan, Target
from hub.errors import TracksideError
from hub.ports import Action

log = structlog.get_logger(__name__)

LONGEST_PAUSE_S: Final = 60.0
#: What was open for so long did not fail at once.
WELL_S: Final = 60.0
#: How long a connection may take to end when it is told to.
END_S: Final = 5.0

#: Does what was asked for, in a target.
Do = Callable[[str, Action, datetime], None]


@runtime_checkable
class Listener(Protocol):
    """A notifier that can hold a connection open. listens: its settings ask for one."""

    @property
    def listens(self) -> bool: ...

    def listen(self, take: Callable[[Sequence[Action]], None], stopping: threading.Event) -> None:
        """Until the connection ends; raises Unavailable if it can't be had or breaks."""
        ...


class Listening:
    def __init__(self, channels: Channels, plan: Plan) -> None:
        self._channels = channels
        self._plan = plan
        self._do: Do | None = None
        self._lines: dict[str, tuple[Target, threading.Event, threading.Thread]] = {}
        self._lock = threading.Lock()

    def start(self, do: Do) -> None:
        """From now on what is asked for is done by `do`."""
        self._do = do
        self.replan(self._plan)

    def replan(self, plan: Plan) -> None:
        """Lines of targets that are gone, or are declared otherwise now, end; others begin."""
        self._plan = plan
        if self._do is None:
            return
        with self._lock:
            old = [n for n, line in self._lines.items() if plan.targets.get(n) != line[0]]
            ending = [self._lines.pop(name) for name in old]
            for name, target in plan.targets.items():
                if name not in self._lines and self._listens(name):
                    self._lines[name] = self._begin(name, target, self._do)
        for _, stopping, _ in ending:
            stopping.set()

    def close(self) -> None:
        with self._lock:
            lines, self._lines, self._do = list(self._lines.values()), {}, None
        for _, stopping, _ in lines:
            stopping.set()
        for _, _, thread in lines:
            thread.join(END_S)

    def _listens(self, name: str) -> bool:
        try:
            notifier = self._channels.get(name)
        except TracksideError:  # it can't be made: whoever delivers to it tells why
            return False
        return isinstance(notifier, Listener) and notifier.listens

    def _begin(
        self, name: str, target: Target, do: Do
    ) -> tuple[Target, threading.Event, threading.Thread]:
        stopping = threading.Event()
        thread = threading.Thread(
            target=self._keep, args=(name, do, stopping), name=f"listen {name}", daemon=True
        )
        thread.start()
        return target, stopping, thread

    def _keep(self, name: str, do: Do, stopping: threading.Event) -> None:
        """Opens it again and again."""
        failures = 0

        def take(found: Sequence[Action]) -> None:
            for one in found:
                do(name, one, datetime.now(UTC))

        while not stopping.is_set():
            begun = datetime.now(UTC)
            try:
                notifier = self._channels.get(name)
                if isinstance(notifier, Listener):
                    notifier.listen(take, stopping)
                failures = 0
            except TracksideError as error:
                lasted = (datetime.now(UTC) - begun).total_seconds()
                failures = 1 if lasted > WELL_S else failures + 1
                log.warning("listening_failed", target=name, error=str(error))
            except Exception as error:
                failures += 1
                log.exception("listening_failed", target=name, error=type(error).__name__)
            chance = random.random()  # noqa: S311  spreads load, guards nothing
            stopping.wait(pause_s(failures, chance))


def pause_s(failures: int, chance: float) -> float:
    """Before the next connection; chance in [0, 1) spreads it. One that ended well is followed at
    once.
    """
    whole = min(LONGEST_PAUSE_S, 2.0 ** min(failures - 1, 10)) if failures else 0.1
    return whole * (0.5 + chance / 2)
