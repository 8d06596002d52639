"""The gather loop: asks orchestrators which runs their backfills and asset events have started.

And tells them what a backfill should do that somebody has paused or cancelled. Only asking, and
telling once more, is ever repeated: a crash at any point does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

import structlog
from msgspec import Struct

from hub.errors import NotFound, TracksideError
from hub.ports import Adapter, Effects, LaunchKind, LaunchRequest, Span
from hub.store import launch_effects as store
from hub.store.db import Connection
from hub.store.launch_effects import Sought
from hub.store.launch_spans import spans_of
from hub.store.leases import Fence
from hub.triggers.asking import plan_of
from hub.triggers.launching import Targets

T = TypeVar("T")
log = structlog.get_logger(__name__)

#: Of one round.
MOST: Final = 50
#: An orchestrator that does not answer is left alone for so long.
PAUSE: Final = timedelta(seconds=30)


class Transactions(Protocol):
    def read(self, function: Callable[[Connection], T]) -> T: ...

    def write(self, function: Callable[[Connection], T], fence: Fence) -> T: ...


class _Look(Struct, frozen=True):
    """A launch to ask about; spans: of a backfill."""

    one: Sought
    spans: Sequence[Span]

    @property
    def steered(self) -> bool:
        """Whether its orchestrator is to be told something."""
        return self.one.wish != self.one.granted


class Gathering:
    def __init__(self, doing: Transactions, targets: Targets) -> None:
        self._doing = doing
        self._targets = targets

    def round(self, now: datetime, fence: Fence) -> bool:
        """Asks what is due; True if more is left."""
        looks = self._doing.read(lambda it: _due(it, now))
        away: set[str] = set()
        for look in looks:
            name = look.one.orchestrator
            if name in away:
                self._postpone(look.one, now, fence)
            elif not self._look(look, now, fence):
                away.add(name)
        return len(looks) >= MOST and not away

    def _look(self, look: _Look, now: datetime, fence: Fence) -> bool:
        """False if its orchestrator does not answer."""
        one = look.one
        try:
            with self._targets.hand(one.orchestrator) as adapter:
                if look.steered and one.wish is not None:
                    adapter.steer(one.natural_id, one.wish)
                    self._doing.write(lambda it: store.grant(it, one, now), fence)
                found = _asked(adapter, look)
        except NotFound as error:
            gone = str(error)
            self._doing.write(lambda it: store.vanished(it, one, gone, now), fence)
        except TracksideError as error:
            log.warning("gather_failed", launch=one.id, error=str(error))
            self._postpone(one, now, fence)
            return False
        except Exception:
            log.exception("adapter_failed", orchestrator=one.orchestrator, launch=one.id)
            self._postpone(one, now, fence)
            return False
        else:
            self._doing.write(lambda it: store.keep_effects(it, one, found, now), fence)
        return True

    def _postpone(self, one: Sought, now: datetime, fence: Fence) -> None:
        self._doing.write(lambda it: store.postpone(it, [one.id], now + PAUSE), fence)


def _due(connection: Connection, now: datetime) -> list[_Look]:
    return [
        _Look(one, spans_of(connection, one.id) if one.kind is LaunchKind.BACKFILL else ())
        for one in store.due_effects(connection, now, MOST)
    ]


def _asked(adapter: Adapter, look: _Look) -> Effects:
    one = look.one
    request = LaunchRequest(one.key, one.job, one.partition, one.conf, one.note, one.kind)
    if one.kind is LaunchKind.BACKFILL:
        plan = plan_of(request, look.spans, one.at_once)
        return adapter.backfilled(plan, one.natural_id)
    return adapter.caused(request)
