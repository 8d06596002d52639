"""Search for jobs and datasets by the words of their names, namespaces, tags, owners and facets.

`search_term` holds the words with their endings, so that the beginning of a term finds any part
of a word. A query's words are intersected, the rarest first. No word reads more than `SCAN`
terms: what a frequent word finds is a sample then, and the total is said to be capped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, bindparam, select

from hub.model import Viewer
from hub.store.reading import among, dataset_seen, job_seen
from hub.store.tables import dataset, job, namespace, search_term
from hub.store.views import View

SCAN = 1000
_LAST = "\U0010ffff"

Key = tuple[str, int]


class Kind(StrEnum):
    JOB = "JOB"
    DATASET = "DATASET"


class Sort(StrEnum):
    NAME = "NAME"
    UPDATE_AT = "UPDATE_AT"


class Query(Struct, frozen=True):
    """What is looked for: all `words`, in lower case; `text` as it was typed."""

    words: Sequence[str]
    text: str
    kind: Kind | None = None
    sort: Sort = Sort.NAME
    namespace: str | None = None
    before: datetime | None = None
    after: datetime | None = None
    limit: int = 10


class Hit(View, frozen=True):
    """A job or dataset; `found_in`: name, namespace, tag, owner or facet."""

    type: Kind
    name: str
    updated_at: datetime
    namespace: str
    node_id: str
    found_in: list[str]


class Hits(Struct, frozen=True):
    items: list[Hit]
    total: int
    capped: bool


def search(connection: Connection, viewer: Viewer, query: Query) -> Hits:
    """Jobs and datasets that have all words of the query. Names that hold its text come first."""
    found, capped = _matching(connection, query)
    hits = [
        *_load(connection, viewer, query, Kind.JOB, found),
        *_load(connection, viewer, query, Kind.DATASET, found),
    ]
    hits.sort(key=lambda hit: _order(hit, query))
    return Hits(hits[: query.limit], len(hits), capped)


def _matching(connection: Connection, query: Query) -> tuple[dict[Key, set[str]], bool]:
    """Everything that has all words, with where they were found; and whether it is a sample."""
    scans = [_scan(connection, word, query.kind) for word in query.words]
    if not scans:
        return {}, False
    scans.sort(key=lambda scan: (scan.full, len(scan.found)))
    first, *others = scans
    found = first.found
    for scan in others:
        with_word = scan.found if not scan.full else _among(connection, scan.word, found)
        found = {key: found[key] | with_word[key] for key in found if key in with_word}
    return found, first.full


class _Scan(Struct, frozen=True):
    """What one word finds; `full`: there may be more."""

    word: str
    found: dict[Key, set[str]]
    full: bool


def _scan(connection: Connection, word: str, kind: Kind | None) -> _Scan:
    statement = select(search_term.c.kind, search_term.c.entity_id, search_term.c.origin).where(
        _begins(word)
    )
    if kind is not None:
        statement = statement.where(search_term.c.kind == kind.lower())
    rows = connection.execute(statement.order_by(search_term.c.term).limit(SCAN)).all()
    return _Scan(word, _gather(rows), len(rows) == SCAN)


def _among(connection: Connection, word: str, keys: Iterable[Key]) -> dict[Key, set[str]]:
    """Those of the keys that have the word too."""
    wanted = list(keys)
    rows: list[Any] = []
    for kind in ("job", "dataset"):
        mine = [key for entity_kind, key in wanted if entity_kind == kind]
        given = {"word": word, "last": word + _LAST, "kind": kind}
        rows += among(connection, _TERMS_OF, search_term.c.entity_id, mine, **given)
    return _gather(rows)


_TERMS_OF = select(search_term.c.kind, search_term.c.entity_id, search_term.c.origin).where(
    search_term.c.kind == bindparam("kind"),
    search_term.c.term >= bindparam("word"),
    search_term.c.term < bindparam("last"),
)


def _gather(rows: Iterable[Any]) -> dict[Key, set[str]]:
    found: dict[Key, set[str]] = {}
    for kind, entity_id, origin in rows:
        found.setdefault((kind, entity_id), set()).add(origin.partition(":")[0])
    return found


def _begins(word: str) -> ColumnElement[bool]:
    return and_(search_term.c.term >= word, search_term.c.term < word + _LAST)


def _load(
    connection: Connection,
    viewer: Viewer,
    query: Query,
    kind: Kind,
    found: dict[Key, set[str]],
) -> list[Hit]:
    entity: Any = job if kind is Kind.JOB else dataset
    seen = job_seen(viewer) if kind is Kind.JOB else dataset_seen(viewer)
    statement = (
        select(entity.c.id, entity.c.name, entity.c.updated_at, namespace.c.name.label("space"))
        .join(namespace, namespace.c.id == entity.c.namespace_id)
        .where(seen)
    )
    if kind is Kind.DATASET:
        statement = statement.where(dataset.c.canonical_id.is_(None))
    for condition in _narrowing(query, entity):
        statement = statement.where(condition)
    word = kind.lower()
    keys = [key for entity_kind, key in found if entity_kind == word]
    return [
        Hit(
            kind,
            row.name,
            row.updated_at,
            row.space,
            f"{word}:{row.space}:{row.name}",
            sorted(found[word, row.id]),
        )
        for row in among(connection, statement, entity.c.id, keys)
    ]


def _narrowing(query: Query, entity: Any) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.namespace is not None:
        conditions.append(namespace.c.name == query.namespace)
    if query.before is not None:
        conditions.append(entity.c.updated_at < query.before)
    if query.after is not None:
        conditions.append(entity.c.updated_at >= query.after)
    return conditions


def _order(hit: Hit, query: Query) -> tuple[Any, ...]:
    closeness = query.text.lower() not in hit.name.lower()
    if query.sort is Sort.UPDATE_AT:
        return -hit.updated_at.timestamp(), hit.name, hit.namespace
    return closeness, hit.name, hit.namespace, hit.type
