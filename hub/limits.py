"""How much each token may send: one bucket per token, in the memory of one hub process."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil
from typing import Final

from hub.access import Principal
from hub.errors import Overloaded

REMEMBERED: Final = 10_000


class TooMany(Overloaded):
    """A sender is over its own limit, unlike Overloaded: the hub itself is well."""

    code = "too-many"
    status = 429
    title = "Over the limit of this token"


class IngestLimit:
    """At most `rate` lineage events a second and token, with bursts of `burst_s` seconds' worth.

    A batch is taken whole while anything is left and leaves a debt, so that one larger than the
    burst can pass. Not safe for threads: the event loop alone asks it.
    """

    def __init__(
        self, rate: float, *, burst_s: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = rate * burst_s
        self._clock = clock
        self._left: dict[int | None, tuple[float, float]] = {}

    def take(self, principal: Principal, events: int = 1) -> None:
        """Returns if the principal may send so many now, else TooMany."""
        now = self._clock()
        left, since = self._left.get(principal.token_id, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        if left < 1:
            raise self._refusal(principal, left)
        if len(self._left) >= REMEMBERED:
            self._left.clear()
        self._left[principal.token_id] = (left - events, now)

    def _refusal(self, principal: Principal, left: float) -> TooMany:
        return TooMany(
            f"{principal.name!r} may send {self._rate:g} lineage events a second",
            retry_after=ceil((1 - left) / self._rate),
        )
