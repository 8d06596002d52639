"""Node ids of the lineage graph: `job:<namespace>:<name>`, and what they may mean.

Namespaces and names hold colons themselves, so one text has several readings; the store knows
which of them exists. Marquez's web UI percent-encodes the parts since 0.51; both forms are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from urllib.parse import unquote
from uuid import UUID

from msgspec import Struct

from hub.errors import BadInput
from hub.model import EntityName

#: More colons than any real name has; bounds the number of readings.
MOST_COLONS = 24
_VERSION = re.compile(r"(?P<name>.+)#(?P<version>[0-9a-fA-F-]{32,36})", re.DOTALL)
_FORM = "job:<namespace>:<name>, dataset:<namespace>:<name>, datasetField:... or run:<uuid>"


class NodeType(StrEnum):
    """Kinds of node, by their prefix."""

    JOB = "job"
    DATASET = "dataset"
    FIELD = "datasetField"
    RUN = "run"


class Reading(Struct, frozen=True):
    """One way to understand the text of a node id."""

    entity: EntityName
    field: str | None = None


class Node(Struct, frozen=True):
    """A node id, with every way to read it, the likeliest first."""

    type: NodeType
    readings: tuple[Reading, ...]
    version: UUID | None = None
    run: UUID | None = None

    @property
    def entities(self) -> list[EntityName]:
        return [reading.entity for reading in self.readings]


def parse(text: str) -> Node:
    """Raises BadInput for what has no node id's form."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in set(NodeType):
        raise BadInput("nodeId", text, _FORM)
    if kind == NodeType.RUN:
        return Node(NodeType.RUN, (), run=_uuid(text, rest))
    rest, version = _without_version(text, rest)
    parts = 2 if kind == NodeType.FIELD else 1
    found = tuple(dict.fromkeys(_readings(rest, parts)))
    if not found:
        raise BadInput("nodeId", text, _FORM)
    return Node(NodeType(kind), found, version)


def job_id(name: EntityName) -> str:
    return f"job:{name.namespace}:{name.name}"


def dataset_id(name: EntityName) -> str:
    return f"dataset:{name.namespace}:{name.name}"


def _without_version(text: str, rest: str) -> tuple[str, UUID | None]:
    match = _VERSION.fullmatch(rest)
    return (match["name"], _uuid(text, match["version"])) if match else (rest, None)


def _uuid(text: str, value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError as error:
        raise BadInput("nodeId", text, "a UUID behind run: or #") from error


def _readings(rest: str, colons: int) -> Iterator[Reading]:
    """Every split at one colon (two, for a column); the longest namespace first."""
    for split in _splits(rest, colons):
        yield _reading(split)
        decoded = [unquote(part) for part in split]
        if not any("\0" in part for part in decoded):
            yield _reading(decoded)


def _reading(parts: list[str]) -> Reading:
    return Reading(EntityName(parts[0], parts[1]), parts[2] if len(parts) > 2 else None)


def _splits(rest: str, colons: int) -> Iterator[list[str]]:
    places = [i for i, letter in enumerate(rest) if letter == ":"][-MOST_COLONS:]
    for place in reversed(places):
        head, tail = rest[:place], rest[place + 1 :]
        if not head or not tail:
            continue
        if colons == 1:
            yield [head, tail]
        else:
            yield from ([*split, tail] for split in _splits(head, colons - 1))
