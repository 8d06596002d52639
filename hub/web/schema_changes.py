"""How the columns of a dataset have changed: pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from msgspec import Struct

from hub.store.schema_history import SchemaView


class SchemaChange(Struct, frozen=True):
    """What became different at a time. retyped: (column, type before, type since)."""

    at: datetime
    added: list[str]
    removed: list[str]
    retyped: list[tuple[str, str, str]]


def changes_of(schemas: Sequence[SchemaView]) -> list[SchemaChange]:
    """Of schemas, the latest first; one that differs in nothing but words is no change."""
    found = [_change(newer, older) for newer, older in pairwise(schemas)]
    return [one for one in found if one.added or one.removed or one.retyped]


def _change(newer: SchemaView, older: SchemaView) -> SchemaChange:
    now, before = newer.columns, older.columns
    return SchemaChange(
        newer.first_at,
        [name for name in now if name not in before],
        [name for name in before if name not in now],
        [
            (name, before[name] or "?", kind or "?")
            for name, kind in now.items()
            if name in before and before[name] != kind
        ],
    )
