"""Gates that may have opened without an update: what they hold back is decided once more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from hub.model import ChangeKind
from hub.store import arrivals, subscriptions, updates
from hub.store.cursors import Change
from hub.store.db import Connection
from hub.store.gates import steps_after
from hub.store.step_cursors import step_of
from hub.triggers.conditions import has_gate
from hub.triggers.found import READER, Found
from hub.triggers.hearing import Hearing

_CHECKS: Final = frozenset({ChangeKind.CHECK_PASSED, ChangeKind.CHECK_FAILED})
#: Of a dataset, when news are of all of it.
_ALL: Final = ""


class Opening:
    """Of one round: checks that have reported, and incidents that have moved."""

    def __init__(self, connection: Connection, found: Found, hearing: Hearing) -> None:
        self._connection = connection
        self._found = found
        self._hearing = hearing

    def look(self, changes: Sequence[Change]) -> None:
        news = self._news(changes)
        if not news:
            return
        offers = updates.offered(self._connection, news)
        names = {name for one in offers.values() for name in one.names}
        named = subscriptions.naming(self._connection, names)
        self._hearing.know({one.subscription_id for each in named.values() for one in each})
        for key, offer in offers.items():
            for name in offer.names:
                gated = {
                    one.subscription_id
                    for one in named.get(name, ())
                    if self._has_gate(one.subscription_id)
                }
                for partition in news[key] if gated else ():
                    self._found.woken |= arrivals.held_rows(
                        self._connection, gated, name, partition
                    )
        self._found.more = self._found.more or bool(self._found.woken)

    def _has_gate(self, number: int) -> bool:
        one = self._found.subscribers.get(number)
        return one is not None and has_gate(one.spec.condition.when)

    def _news(self, changes: Sequence[Change]) -> Mapping[int, set[str]]:
        """By the datasets that they are of, the partitions."""
        told = [
            (one.dataset_id, msgspec.json.decode(one.detail or "{}").get("partition", _ALL))
            for one in changes
            if one.kind in _CHECKS and one.dataset_id is not None
        ]
        told += [(key, _ALL) for key in self._moved()]
        meant = updates.meant_by(self._connection, {key for key, _ in told})
        found: dict[int, set[str]] = defaultdict(set)
        for key, partition in told:
            if key in meant:
                found[meant[key]].add(partition)
        return {key: {_ALL} if _ALL in parts else parts for key, parts in found.items()}

    def _moved(self) -> Iterable[int]:
        """Datasets whose incidents have moved since the last round."""
        before = step_of(self._connection, READER)
        steps, after = steps_after(self._connection, before)
        if after != before:
            self._found.step = after
        return {row.dataset_id for row in steps if row.dataset_id is not None}
