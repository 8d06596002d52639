"""Joins: what two rows of one key say together, the same in whichever order they come.

Nothing counts as the least. The same rule in Python and as SQL for rows that are written unread.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from msgspec import Struct

S = TypeVar("S", bound=Struct)
V = TypeVar("V", int, str, bytes)


def earliest(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


def greatest(a: V | None, b: V | None) -> V | None:
    if a is None or b is None:
        return b if a is None else a
    return max(a, b)


def join(a: S, b: S) -> S:
    """The greater value of each field."""
    return type(a)(*(greatest(getattr(a, name), getattr(b, name)) for name in a.__struct_fields__))


def raised(table: str, column: str, pick: str = ">") -> str:
    """SQL that keeps the greater (>) or lesser (<) of the held and the new value, over NULL."""
    held, new = f"{table}.{column}", f"excluded.{column}"
    return (
        f"{column} = CASE WHEN {held} IS NULL OR {new} {pick} {held} "
        f"THEN coalesce({new}, {held}) ELSE {held} END"
    )


def upsert(
    table: str, keys: Iterable[str], *, least: Iterable[str] = (), greatest: Iterable[str] = ()
) -> str:
    """The ON CONFLICT clause that joins a new row to the held one."""
    sets = [raised(table, c, "<") for c in least] + [raised(table, c) for c in greatest]
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(sets)}"
