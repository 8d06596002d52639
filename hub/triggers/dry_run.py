"""What a subscription would have launched of the updates of a period. Nothing is kept or launched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from msgspec.structs import replace

from hub.errors import BadInput
from hub.gates import GateAnswer as Unknown
from hub.gates import GateSpec
from hub.model import EntityName
from hub.store import updates
from hub.store.arrivals import Came, Fate
from hub.store.db import Connection
from hub.store.past_gates import past_gate
from hub.store.subscriptions import Kept
from hub.store.views import View
from hub.triggers.arriving import Seen, Subscriber, arrivals_of
from hub.triggers.conditions import GateAnswer, Past
from hub.triggers.deciding import Table, WithParts, arrival_of, superseded
from hub.triggers.facts import StoreFacts, never_updated
from hub.triggers.history import first_launch
from hub.triggers.spec import Spec

#: Updates that are looked at, and launches that are told.
MOST: Final = 20_000
TOLD: Final = 1000

LIMITS: Final = "limits and pauses are not applied: they depend on how long runs take"
GATES: Final = "gates answer as they did then, but for freshness policies, which are those of now"
METRICS: Final = "other datasets' metrics are taken as they are now"


class Would(View, frozen=True):
    """A launch that would have been: when, for which partition of the target, by which updates."""

    at: datetime
    partition: str
    updates: list[int]
    note: str


class Rehearsal(View, frozen=True):
    """What would have been. fates: of the arrivals, how many of each. waiting: partitions that
    would still wait at the end. notes: what this can't know. truncated: there is more.
    """

    since: datetime
    until: datetime
    updates: int
    launches: list[Would]
    launched: int
    fates: dict[str, int]
    waiting: list[str]
    notes: list[str]
    truncated: bool


class PastFacts(StoreFacts):
    """What conditions ask, as of a time that is past."""

    def _ask(self, dataset: EntityName, partition: str, spec: GateSpec) -> GateAnswer:
        key = self._key(dataset)
        if key is None:
            return Unknown(None, ("the dataset is not known",))
        of_partition = past_gate(self._connection, key, partition, spec, self._now)
        if not partition or not never_updated(of_partition):
            return of_partition
        return past_gate(self._connection, key, "", spec, self._now)


@dataclass(slots=True)
class _Played:
    launches: list[Would] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)
    waiting: list[str] = field(default_factory=list)


def dry_run(
    connection: Connection, spec: Spec, since: datetime, until: datetime, kept: Kept | None = None
) -> Rehearsal:
    """Raises BadInput for a period that ends before it begins."""
    if since >= until:
        raise BadInput("since", since.isoformat(), "a time before until")
    one = Subscriber(_imagined(spec, since, kept), spec)
    past, came = _came(connection, one, since, until)
    played = _Played()
    played.fates.update(each.fate for each in came if each.fate != Fate.WAITING)
    rows: dict[str, list[Came]] = {}
    for each in _thinned(played, spec, [each for each in came if each.fate == Fate.WAITING]):
        rows.setdefault(each.partition, []).append(each)
    for partition, mine in sorted(rows.items()):
        _play(played, Table(one, partition, mine, None, {}), connection, until)
    played.launches.sort(key=lambda would: (would.at, would.partition))
    return Rehearsal(
        since,
        until,
        len(past),
        played.launches[:TOLD],
        len(played.launches),
        dict(+played.fates),
        played.waiting[:TOLD],
        [LIMITS, GATES, METRICS],
        len(past) >= MOST or len(played.launches) > TOLD,
    )


def _imagined(spec: Spec, since: datetime, kept: Kept | None) -> Kept:
    """The subscription as though it had been there from the beginning of the period."""
    made = kept or Kept(
        id=0,
        name=spec.name,
        team=spec.team,
        spec={},
        origin="",
        created_by="",
        created_at=since,
        updated_at=since,
    )
    return replace(made, created_at=since, since=since, paused_at=None, refusal=None)


def _came(
    connection: Connection, one: Subscriber, since: datetime, until: datetime
) -> tuple[Sequence[updates.Written], list[Came]]:
    keys = updates.datasets_named(connection, one.spec.inputs)
    past = updates.updates_between(connection, set(keys.values()), since, until, MOST)
    offers = updates.offered(connection, set(keys.values()))
    facts = updates.facts_of(connection, past)
    names = {key: name for name, key in sorted(keys.items(), reverse=True)}
    return past, [
        came
        for each in past
        for came in arrivals_of(
            one,
            names[each.dataset_id],
            Seen(each, facts[each.id], offers[each.dataset_id]),
            each.at,
        )
    ]


# -- as time would have passed ------------------------------------------------------------------


def _thinned(played: _Played, spec: Spec, came: Sequence[Came]) -> Iterator[Came]:
    """Updates of old partitions when they would have been taken, and without those left out."""
    if spec.backfill.old not in ("coalesce", "latest"):
        yield from came
        return
    yield from (each for each in came if not each.old)
    for burst in _bursts([each for each in came if each.old], spec):
        gone = set()
        if spec.backfill.old == "latest":
            gone = {(fated.came.update_id, fated.came.partition) for fated in superseded(burst)}
            played.fates[Fate.COALESCED] += len(gone)
        taken_at = burst[-1].at + timedelta(seconds=spec.backfill.settle_s)
        for each in burst:
            if (each.update_id, each.partition) not in gone:
                yield replace(each, at=taken_at, seen_at=taken_at)


def _bursts(came: Sequence[Came], spec: Spec) -> list[list[Came]]:
    """Those that came within the time to settle of the one before; of each partition by itself,
    where not only the latest of all is wanted.
    """
    together = spec.backfill.old == "latest"
    found: dict[str, list[list[Came]]] = {}
    for each in sorted(came, key=lambda one: (one.at, one.update_id)):
        mine = found.setdefault("" if together else each.partition, [])
        settle = timedelta(seconds=spec.backfill.settle_s)
        if mine and each.at - mine[-1][-1].at < settle:
            mine[-1].append(each)
        else:
            mine.append([each])
    return [burst for mine in found.values() for burst in mine]


def _play(played: _Played, table: Table, connection: Connection, until: datetime) -> None:
    left = sorted((arrival_of(one) for one in table.came), key=lambda one: (one.at, one.update_id))
    past, parts = Past(), dict[EntityName, frozenset[str]]()
    while left:
        now = Table(table.one, table.partition, table.came, None, parts)
        facts_at = partial(_facts_at, connection, now)
        found = first_launch(table.one.spec.condition, left, past, facts_at, until)
        if found is None:
            break
        at, decision = found
        used = [one for one in left if one.update_id in decision.consumed]
        played.launches.append(
            Would(at, table.partition, [one.update_id for one in used], decision.note)
        )
        played.fates[Fate.COALESCED] += len(decision.coalesced)
        played.fates[Fate.LAUNCHED] += len(used) - len(decision.coalesced)
        parts = _more(parts, ((one.dataset, one.part) for one in used))
        left = [one for one in left if one.update_id not in decision.consumed]
        past = Past(at)
    if left:
        played.fates[Fate.WAITING] += len(left)
        played.waiting.append(table.partition)


def _facts_at(connection: Connection, table: Table, at: datetime) -> WithParts:
    return WithParts(PastFacts(connection, at), table)


def _more(
    parts: Mapping[EntityName, frozenset[str]], told: Iterable[tuple[EntityName, str]]
) -> dict[EntityName, frozenset[str]]:
    found = dict(parts)
    for name, part in told:
        found[name] = found.get(name, frozenset()) | {part}
    return found
