"""What every reader of results gives and is given, and how datasets come to their names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.json import Decoder

from hub.errors import BadInput
from hub.model import EntityName
from hub.openlineage.faults import Phrase, fault, shown, spot
from hub.openlineage.times import read_time
from hub.openlineage.wire import without_nan, without_poison
from hub.registry import Registry

T = TypeVar("T")
Json = dict[str, Any]

#: What a given dataset name has in it where the document's own table is to stand.
TABLE: Final = "{table}"


class Given(Struct, frozen=True):
    """What the document itself doesn't say.

    namespace: of its datasets, as OpenLineage names their connection. dataset: what they are
    called; `{table}` in it stands for what the document calls each. job_namespace: of the jobs
    that checked them, else the tool's own. updates: whether data that a tool saw to have been
    loaded counts as an update.
    """

    namespace: str | None = None
    dataset: str | None = None
    partition: str | None = None
    job_namespace: str | None = None
    updates: bool = True


class Report(Struct, frozen=True):
    """What a document comes to: lineage events, and observations, as JSON.

    The same document and the same Given come to the same bytes, so nothing is recorded twice.
    """

    events: list[bytes]
    observations: list[Json] = []


Reader = Callable[[bytes, Given], Report]
"""Reads one document. Raises BadInput with the JSON path where it can't be understood."""

tools: Registry[Reader] = Registry("quality tool")


def decoded(decoder: Decoder[T], raw: bytes) -> T:
    """The document. NaN and Infinity, which Python writes and JSON has not, are taken as null."""
    try:
        raw.decode()
        clean = without_poison(raw)
        try:
            return decoder.decode(clean)
        except msgspec.DecodeError:
            finite = without_nan(clean)
            if finite is None:
                raise
            return decoder.decode(finite)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise fault(error, decoder, raw, ()) from None


def time_of(text: str, *path: str | int) -> datetime:
    """Raises BadInput, naming the path, for what is no time."""
    try:
        return read_time(text)[0]
    except ValueError:
        raise BadInput(spot(path), shown(text), "an ISO 8601 time") from None


def instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Naming:
    """Names of the datasets of one document."""

    def __init__(self, given: Given, namespace: str | None = None) -> None:
        """namespace: of the document's own knowledge."""
        self._given = given
        self._namespace = given.namespace or namespace
        self._tables: set[str] = set()

    def of(self, table: str) -> EntityName:
        """What the document calls `table`. Raises BadInput where it can't be told."""
        if not self._namespace:
            expected = "the namespace of its datasets, as in postgres://dwh:5432"
            raise BadInput("namespace", Phrase("nothing"), expected)
        self._tables.add(table)
        told = self._given.dataset
        if not told:
            return EntityName(self._namespace, table)
        if TABLE not in told and len(self._tables) > 1:
            tables = ", ".join(sorted(self._tables))
            raise BadInput("dataset", told, f"a name with {TABLE} in it, for there are {tables}")
        return EntityName(self._namespace, told.replace(TABLE, table))
