"""What a baseline learns from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

from msgspec import Struct


class Sample(Struct, frozen=True, order=True):
    """One thing that was measured: the duration of a run, the rows of an update, ...

    `at` is the slot, else the start, aware. `capped`: it lies in an incident, so it may not
    stretch what is normal, but still counts: what lasts becomes normal in the end.
    """

    at: datetime
    value: float  # seconds, rows or bytes
    capped: bool = False


def gaps(times: Iterable[datetime]) -> list[Sample]:
    """The seconds from each update to the next, as of the earlier: a Friday's gap is a weekend."""
    ordered = sorted(set(times))
    return [Sample(at, (after - at).total_seconds()) for at, after in pairwise(ordered)]
