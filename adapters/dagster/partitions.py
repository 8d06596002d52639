"""Which partitions assets may have, and how Dagster says that they stand.

Dagster answers in ranges, which is little; the keys between are asked for only where something has
changed, and once an hour. So many assets are looked at each minute: those that runs have just
written before all, the others in turn.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import product
from typing import Final

from msgspec import Struct, field

from adapters.dagster.graphql import GraphQL, in_chunks, one_by_one
from adapters.dagster.queries import DIMENSION_KEYS, PARTITION_KEYS, PARTITIONS
from adapters.dagster.wire import Key, Typed
from hub.model import EntityName, PartitionsObserved
from hub.ports import Json

#: Assets that are looked at in a minute, and keys of one asset, the latest.
AT_ONCE: Final = 25
MOST: Final = 5_000
_KEYS_OF: Final = 5
_HOUR_S: Final = 3600
_OURS: Final = ("complete", "failed", "running", "missing")
_WORDS: Final = {
    "MATERIALIZED": "complete",
    "FAILED": "failed",
    "MATERIALIZING": "running",
}


class _Range(Struct, frozen=True, rename="camel"):
    start_key: str
    end_key: str
    status: str


class _Statuses(Typed, frozen=True):
    """Of one dimension: ranges of time, or lists."""

    ranges: list[_Range] = field(default_factory=list)
    materialized: list[str] = field(name="materializedPartitions", default_factory=list)
    failed: list[str] = field(name="failedPartitions", default_factory=list)
    materializing: list[str] = field(name="materializingPartitions", default_factory=list)

    def by_key(self, keys: Sequence[str]) -> dict[str, str]:
        """Our word of each key that has one; `keys`: all there are, in order."""
        told = dict.fromkeys(self.materialized, "complete")
        told |= dict.fromkeys(self.failed, "failed")
        told |= dict.fromkeys(self.materializing, "running")
        places = {key: place for place, key in enumerate(keys)}
        for one in self.ranges:
            if (word := _WORDS.get(one.status)) is not None:
                told |= dict.fromkeys(_between(keys, places, one.start_key, one.end_key), word)
        return told


class _Range2D(Struct, frozen=True):
    start: str = field(name="primaryDimStartKey")
    end: str = field(name="primaryDimEndKey")
    second: _Statuses = field(name="secondaryDim")


class _AnyStatuses(_Statuses, frozen=True):
    """As Dagster answers: of one dimension, or of two."""

    primary: str = field(name="primaryDimensionName", default="")
    double: list[_Range2D] = field(name="ranges2d", default_factory=list)


class _Definition(Struct, frozen=True):
    description: str = ""


class _Stats(Struct, frozen=True, rename="camel"):
    num_partitions: int = 0


class _Partitioned(Struct, frozen=True, rename="camel"):
    asset_key: Key
    definition: _Definition | None = field(name="partitionDefinition", default=None)
    stats: _Stats | None = field(name="partitionStats", default=None)
    statuses: _AnyStatuses | None = field(name="assetPartitionStatuses", default=None)

    @property
    def name(self) -> str:
        return self.asset_key.name

    @property
    def is_double(self) -> bool:
        return self.statuses is not None and bool(self.statuses.primary)

    def print(self, now: datetime) -> str:
        """Another one when something has changed, and each hour."""
        told = (int(now.timestamp()) // _HOUR_S, self.definition, self.stats, self.statuses)
        return hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()


class _Answer(Struct, frozen=True):
    assets: list[_Partitioned] = field(name="assetNodes")


class _Connection(Struct, frozen=True, rename="camel"):
    results: list[str] = []
    has_more: bool = False


class _Dimension(Struct, frozen=True, rename="camel"):
    name: str
    partition_keys: list[str] = []


class _Keys(Struct, frozen=True, rename="camel"):
    asset_key: Key
    connection: _Connection | None = field(name="partitionKeyConnection", default=None)
    dimensions: list[_Dimension] = field(name="partitionKeysByDimension", default_factory=list)


class _KeysAnswer(Struct, frozen=True):
    assets: list[_Keys] = field(name="assetNodes")


class Stood:
    """How partitions stood when they were told last, and which assets runs have written since.

    Only a saving, as is what is settled of runs: what was told counts once its cursor comes back.
    """

    def __init__(self) -> None:
        self._stood: OrderedDict[str, str] = OrderedDict()
        self._told: dict[str, str] = {}
        self._handed: Json | None = None
        self._touched: dict[str, None] = {}

    def resume(self, cursor: Json) -> None:
        if cursor and cursor == self._handed:
            self._stood.update(self._told)
        else:
            self._stood.clear()
        self._told = {}

    def hand(self, cursor: Json) -> None:
        self._handed = cursor

    def touch(self, events: Iterable[Json]) -> None:
        """The assets that these events say were written."""
        for event in events:
            self._touched |= dict.fromkeys(one["name"] for one in event.get("outputs", ()))

    def chosen(self, partitioned: Sequence[list[str]], start: int) -> tuple[list[list[str]], int]:
        """Those that are looked at now, those that were written first; and where to go on."""
        names = {"/".join(path): path for path in partitioned}
        first = [names[name] for name in self._touched if name in names][:AT_ONCE]
        self._touched = {}
        end = start + AT_ONCE - len(first)
        others = [path for path in partitioned[start:end] if path not in first]
        return first + others, end if end < len(partitioned) else 0

    def is_new(self, name: str, print_: str) -> bool:
        return self._stood.get(name) != print_

    def tell(self, name: str, print_: str) -> None:
        self._told[name] = print_


def partitions(
    graphql: GraphQL, paths: list[list[str]], stood: Stood, namespace: str, now: datetime
) -> tuple[list[PartitionsObserved], list[str]]:
    """Of those of the assets whose partitions stand otherwise than was told; and the names of those
    of which Dagster can't tell.
    """
    failed: list[list[str]] = []
    answered = one_by_one(lambda some: _ask_statuses(graphql, some), paths, failed)
    prints = {one.name: one.print(now) for one in answered}
    new = [one for one in answered if stood.is_new(one.name, prints[one.name])]
    told: list[PartitionsObserved] = []
    for some in in_chunks(new, _KEYS_OF):
        known = _known_keys(graphql, some, failed)
        for one in some:
            if one.name in known:
                told.append(_observed(one, known[one.name], namespace, now))
                stood.tell(one.name, prints[one.name])
    return told, ["/".join(path) for path in failed]


def _ask_statuses(graphql: GraphQL, paths: Iterable[list[str]]) -> list[_Partitioned]:
    return graphql.query(PARTITIONS, _Answer, {"keys": _keys(paths)})[0].assets


def _known_keys(
    graphql: GraphQL, some: Iterable[_Partitioned], failed: list[list[str]]
) -> dict[str, _Keys]:
    """Of an asset with two dimensions also those of each."""
    found: dict[str, _Keys] = {}
    for double in (False, True):
        mine = [list(one.asset_key.path) for one in some if one.is_double is double]
        query = DIMENSION_KEYS if double else PARTITION_KEYS
        answered = one_by_one(partial(_ask_keys, graphql, query), mine, failed)
        found |= {one.asset_key.name: one for one in answered}
    return found


def _ask_keys(graphql: GraphQL, query: str, paths: Iterable[list[str]]) -> list[_Keys]:
    given = {"keys": _keys(paths), "limit": MOST}
    return graphql.query(query, _KeysAnswer, given)[0].assets


def _keys(paths: Iterable[list[str]]) -> list[Json]:
    return [{"path": path} for path in paths]


def _observed(one: _Partitioned, known: _Keys, namespace: str, now: datetime) -> PartitionsObserved:
    """Without keys (a Dagster that doesn't tell them) only those that are listed one by one."""
    keys = known.connection.results[::-1] if known.connection is not None else []
    words = _words(one.statuses or _AnyStatuses(), keys, known.dimensions)
    by_word: dict[str, list[str]] = {}
    for key in keys or words:
        by_word.setdefault(words.get(key, "missing"), []).append(key)
    told = {word: tuple(by_word.get(word, ())) for word in _OURS}
    return PartitionsObserved(
        EntityName(namespace, one.name),
        now,
        one.definition.description if one.definition is not None else "",
        truncated=known.connection is None or known.connection.has_more,
        **told,
    )


def _words(
    statuses: _AnyStatuses, keys: Sequence[str], dimensions: Sequence[_Dimension]
) -> dict[str, str]:
    if not statuses.primary:
        return statuses.by_key(keys)
    by_name = {one.name: one.partition_keys for one in dimensions}
    first = by_name.get(statuses.primary, [])
    second = next((one for name, one in by_name.items() if name != statuses.primary), [])
    places = {key: place for place, key in enumerate(first)}
    # Dagster writes such a key with its dimensions in the order of their names.
    swapped = bool(by_name) and min(by_name) != statuses.primary
    told: dict[str, str] = {}
    for one in statuses.double:
        words = one.second.by_key(second)
        for mine, (other, word) in product(
            _between(first, places, one.start, one.end), words.items()
        ):
            told["|".join((other, mine) if swapped else (mine, other))] = word
    return told


def _between(
    keys: Sequence[str], places: Mapping[str, int], first: str, last: str
) -> Sequence[str]:
    """From the one key to the other; of keys that are the latest, what of it is among them."""
    if last not in places:
        return ()
    return keys[places.get(first, 0) : places[last] + 1]
