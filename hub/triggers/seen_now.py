"""How far the condition of a subscription has come for one partition of its target, for people."""

from __future__ import annotations

from datetime import datetime

from hub.model import EntityName
from hub.store.arrivals import open_of, parts_of
from hub.store.db import Connection
from hub.store.subscriptions import Kept
from hub.triggers.arriving import Subscriber
from hub.triggers.conditions import Condition
from hub.triggers.conditions.clocks import ticks_around
from hub.triggers.conditions.seen import Arrival
from hub.triggers.conditions.standing import Asked, Soil, Stem, grown
from hub.triggers.deciding import Table, WithParts, arrival_of
from hub.triggers.facts import StoreFacts
from hub.triggers.spec import spec_of


def standing(connection: Connection, kept: Kept, partition: str, now: datetime) -> Stem:
    """The tree of its condition, with the updates that count now (with a cron: at its next tick)."""
    one = Subscriber(kept, spec_of(kept.spec))
    row = (kept.id, partition)
    came = open_of(connection, [row]).get(row, [])
    parts: dict[EntityName, frozenset[str]] = {}
    for _, name, part in parts_of(connection, [row]):
        parts[name] = parts.get(name, frozenset()) | {part}
    facts = WithParts(StoreFacts(connection, now), Table(one, partition, came, None, parts))
    arrivals: dict[EntityName, list[Arrival]] = {}
    for each in came:
        arrivals.setdefault(each.name, []).append(arrival_of(each))
    return _grown(one.spec.condition, arrivals, Asked(facts), now)


def _grown(
    condition: Condition, arrivals: dict[EntityName, list[Arrival]], asked: Asked, now: datetime
) -> Stem:
    if condition.cron is None:
        return grown(condition.when, Soil(arrivals, asked, now))
    tick = ticks_around(condition.cron, now)[1] or now
    return grown(condition.when, Soil(arrivals, asked, tick, tick))
