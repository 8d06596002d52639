"""That a job has become slower for good, for the charts of how long its runs took."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from hub.store.incident_views import IncidentView
from hub.web.dots import Raised

KIND: Final = "creep"


class _Told(msgspec.Struct):
    ratio: float = 1.0


def creep_of(incidents: Iterable[IncidentView]) -> Raised | None:
    """By the open incident of its rule; None where its runs take no longer than they used to."""
    for one in incidents:
        if one.kind == KIND and one.resolved_at is None:
            ratio = msgspec.json.decode(one.evidence, type=_Told).ratio
            return Raised(one.since, f"{ratio - 1:.0%} slower since {one.since:%d %b}")
    return None
