"""Adapters for acting, apart from those that poll: a long look holds up no launch."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import structlog

from hub.errors import ConfigError
from hub.polls.fleet import Fleet, Member, config_of
from hub.ports import Adapter, Capability, adapters
from hub.triggers.launching import Way

log = structlog.get_logger(__name__)

#: Adapters of one orchestrator that are kept open for the next launch.
KEPT: Final = 4


class Hands:
    """Lends adapters of a fleet, each to one at a time."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._lock = threading.Lock()
        self._free: dict[str, list[tuple[Member, Adapter]]] = defaultdict(list)
        self._known: dict[str, tuple[Member, Way | None]] = {}

    def ways(self) -> Mapping[str, Way]:
        """How each orchestrator is launched, of those that can be."""
        found = {name: self._way(one) for name, one in self._fleet.members.items()}
        return {name: way for name, way in found.items() if way is not None}

    @property
    def names(self) -> Collection[str]:
        return self.ways().keys()

    @contextmanager
    def hand(self, name: str) -> Iterator[Adapter]:
        """Raises ConfigError if its settings are wrong, or it is no longer declared."""
        member = self._fleet.members.get(name)
        if member is None:
            raise ConfigError(f"the orchestrator {name!r} is not declared")
        adapter = self._take(member) or self._fleet.make(member)
        try:
            yield adapter
        finally:
            self._give_back(member, adapter)

    def close(self) -> None:
        with self._lock:
            for kept in self._free.values():
                for _, adapter in kept:
                    adapter.close()
            self._free.clear()

    def _take(self, member: Member) -> Adapter | None:
        """One that is free and made for what is declared now; those of another time are closed."""
        with self._lock:
            kept = self._free[member.name]
            stale = [adapter for one, adapter in kept if one != member]
            kept[:] = [pair for pair in kept if pair[0] == member]
            found = kept.pop()[1] if kept else None
        for adapter in stale:
            adapter.close()
        return found

    def _give_back(self, member: Member, adapter: Adapter) -> None:
        with self._lock:
            kept = self._free[member.name]
            if len(kept) < KEPT and self._fleet.members.get(member.name) == member:
                kept.append((member, adapter))
                return
        adapter.close()

    def _way(self, member: Member) -> Way | None:
        known = self._known.get(member.name)
        if known is not None and known[0] == member:
            return known[1]
        way = _way_of(member)
        self._known[member.name] = (member, way)
        return way


def _way_of(member: Member) -> Way | None:
    if not member.is_polled:  # it only pushes: nothing is known of how to ask it
        return None
    try:
        kind = adapters.get(member.kind)
        if Capability.LAUNCH not in kind.capabilities:
            return None
        able, pulls = kind.capabilities, config_of(member).pulls
        return Way(
            kind.keyed,
            pulls,
            Capability.BACKFILL in able and not pulls,
            Capability.BACKFILL_RANGE in able,
            Capability.RERUN in able and not pulls,
        )
    except ConfigError as error:
        log.warning("orchestrator_not_launched", orchestrator=member.name, error=str(error))
        return None
