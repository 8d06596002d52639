"""The notifiers of the declared targets, each made when it is needed first."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import Parameter, signature
from threading import Lock
from typing import Any

from alerting.plan import Plan, Target
from hub.errors import NotFound
from hub.ports import Notifier


class Channels:
    def __init__(self, plan: Plan, allowed: Sequence[str] = ()) -> None:
        """allowed: private networks in which targets may be."""
        self._targets = plan.targets
        self._allowed = tuple(allowed)
        self._made: dict[str, Notifier] = {}
        self._lock = Lock()

    def get(self, name: str) -> Notifier:
        """Raises NotFound, and what the notifier raises that can't be made."""
        target = self.target(name)
        with self._lock:
            if name not in self._made:
                self._made[name] = make(target, self._allowed)
            return self._made[name]

    def target(self, name: str) -> Target:
        try:
            return self._targets[name]
        except KeyError:
            known = ", ".join(self._targets) or "none"
            raise NotFound(f"Target '{name}' not found; declared: {known}.") from None

    def replan(self, plan: Plan) -> None:
        """Those that are declared otherwise now are made anew when they are needed."""
        with self._lock:
            before, self._targets = self._targets, plan.targets
            for name in list(self._made):
                if plan.targets.get(name) != before.get(name):
                    self._made.pop(name).close()

    def close(self) -> None:
        with self._lock:
            for notifier in self._made.values():
                notifier.close()
            self._made.clear()


def make(target: Target, allowed: Sequence[str]) -> Notifier:
    """A notifier, told of `allowed` if it wants to know; raises what it raises."""
    kind: Any = target.kind
    takes = signature(kind).parameters.values()
    if any(one.name == "allowed" or one.kind is Parameter.VAR_KEYWORD for one in takes):
        made: Notifier = kind(target.config, target.name, allowed=tuple(allowed))
    else:
        made = kind(target.config, target.name)
    return made
