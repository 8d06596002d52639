"""What was updated, as each subscription that names it sees it; and what changed of these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog

from hub.model import EntityName
from hub.store import arrivals, subscriptions, updates
from hub.store.arrivals import Fate
from hub.store.db import Connection
from hub.store.subscriptions import Kept, Named
from hub.store.updates import Written
from hub.triggers.arriving import Seen, Subscriber, arrivals_of, counts, remapped
from hub.triggers.found import Found
from hub.triggers.spec import Spec, spec_of

log = structlog.get_logger(__name__)

#: Updates of the past that a new subscription asks for.
CAUGHT_UP: Final = 100_000

Specs = dict[int, tuple[int, Spec]]
"""What subscriptions say, by their ids, with the version that says so."""


class Hearing:
    """Of one round."""

    def __init__(self, connection: Connection, found: Found, specs: Specs) -> None:
        self._connection = connection
        self._found = found
        self._specs = specs

    def know(self, numbers: Iterable[int]) -> None:
        """Reads subscriptions that the round deals with."""
        missing = sorted(set(numbers) - self._found.subscribers.keys())
        for kept in subscriptions.subscriptions_by_id(self._connection, missing).values():
            self._found.subscribers[kept.id] = Subscriber(kept, self._spec_of(kept))

    def _spec_of(self, kept: Kept) -> Spec:
        held = self._specs.get(kept.id)
        if held is None or held[0] != kept.version:
            held = self._specs[kept.id] = (kept.version, spec_of(kept.spec))
        return held[1]

    def hear(self, told: Sequence[Written]) -> None:
        """What was updated, as each subscription that names it sees it."""
        offers = updates.offered(self._connection, {one.dataset_id for one in told})
        names = {name for one in offers.values() for name in one.names}
        named = subscriptions.naming(self._connection, names)
        self.know({one.subscription_id for each in named.values() for one in each})
        wanted = [
            (one, each)
            for one in told
            if one.dataset_id in offers
            for name in offers[one.dataset_id].names
            for each in named.get(name, ())
            if each.subscription_id in self._found.subscribers
            and counts(self._found.subscribers[each.subscription_id], each.since, one)
        ]
        self._take_in(wanted, offers)

    def _take_in(
        self,
        wanted: Sequence[tuple[Written, Named]],
        offers: Mapping[int, updates.Offered],
    ) -> None:
        pairs = {(each.subscription_id, one.id) for one, each in wanted}
        seen = {key[:2] for key in arrivals.seen_already(self._connection, pairs)}
        seen |= {(one.subscription_id, one.update_id) for one in self._found.came}
        facts = updates.facts_of(
            self._connection, list({one.id: one for one, _ in wanted}.values())
        )
        for one, each in wanted:
            key = (each.subscription_id, one.id)
            if key in seen:
                continue
            seen.add(key)
            it = Seen(one, facts[one.id], offers[one.dataset_id])
            subscriber = self._found.subscribers[each.subscription_id]
            self._found.came += arrivals_of(subscriber, each.name, it, self._found.now)
        self._found.rows.update(one.row for one in self._found.came if one.fate == Fate.WAITING)

    def settle(self, one: Subscriber) -> None:
        """What waits, under what the subscription says now; and the past that it asks for."""
        inputs = frozenset(subscriptions.inputs_of(self._connection, [one.id]).get(one.id, {}))
        open_ = arrivals.open_of_subscription(self._connection, one.id)
        came = [each for before in open_ for each in remapped(one, before, inputs)]
        pairs = {(each.subscription_id, each.update_id) for each in open_}
        waiting = {(each.update_id, each.partition) for each in open_}
        done = {
            (update, partition)
            for _, update, partition in arrivals.seen_already(self._connection, pairs)
            if (update, partition) not in waiting
        }
        fresh = {
            (each.update_id, each.partition): each
            for each in came
            if (each.update_id, each.partition) not in done
        }
        self._found.anew.append(one.id)
        self._found.came += fresh.values()
        self._found.rows.update(each.row for each in fresh.values() if each.fate == Fate.WAITING)
        if one.kept.since is not None:
            self._catch_up(one, inputs)

    def _catch_up(self, one: Subscriber, inputs: frozenset[EntityName]) -> None:
        keys = updates.datasets_named(self._connection, inputs)
        assert one.kept.since is not None
        past = updates.updates_between(
            self._connection, set(keys.values()), one.kept.since, self._found.now, CAUGHT_UP
        )
        if len(past) >= CAUGHT_UP:
            log.warning("updates_left_out", subscription=one.kept.name, after=str(past[-1].at))
        offers = updates.offered(self._connection, set(keys.values()))
        by_dataset = {key: name for name, key in sorted(keys.items(), reverse=True)}
        wanted = [
            (each, Named(one.id, by_dataset[each.dataset_id], one.kept.since)) for each in past
        ]
        self._take_in(wanted, offers)
