"""Columns of values as PostgreSQL's arrays, in its binary format.

The driver's own way looks through each list for what it holds and dumps value by value, and as it
picks the narrowest type each time, the server is given ever other types to prepare a statement for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from struct import Struct
from typing import Any, Final

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD: Final = Struct(">iiiii").pack  # dimensions, whether there are NULLs, type, size, first index
_NULL: Final = b"\xff\xff\xff\xff"
_LENGTH: Final = Struct(">i").pack
_INT8: Final = Struct(">iq").pack
_FLOAT8: Final = Struct(">id").pack
_BOOL: Final = (b"\0\0\0\1\0", b"\0\0\0\1\1")


class Array(bytes):
    """An array as it travels; each type of array is a class, for the driver goes by classes."""

    oid = 0


def _ints(values: Iterable[int | None]) -> Iterable[bytes]:
    return [_NULL if v is None else _INT8(8, v) for v in values]


def _floats(values: Iterable[float | None]) -> Iterable[bytes]:
    return [_NULL if v is None else _FLOAT8(8, v) for v in values]


def _bools(values: Iterable[bool | None]) -> Iterable[bytes]:
    return [_NULL if v is None else _BOOL[bool(v)] for v in values]


def _texts(values: Iterable[str | None]) -> Iterable[bytes]:
    return _blobs([None if v is None else v.encode() for v in values])


def _blobs(values: Iterable[bytes | None]) -> Iterable[bytes]:
    return [_NULL if v is None else _LENGTH(len(v)) + v for v in values]


def _maker(
    oid: int, of: int, dump: Callable[[Sequence[Any]], Iterable[bytes]]
) -> Callable[[Sequence[Any]], Array]:
    """Registers the type of arrays `oid`, whose elements are `of` a type; what makes such arrays."""
    kind = type("Array", (Array,), {"oid": oid})
    dumper = type("ArrayDumper", (_ArrayDumper,), {"oid": oid})
    psycopg.adapters.register_dumper(kind, dumper)

    def make(values: Sequence[Any]) -> Array:
        found = b"".join(dump(values))
        made: Array = kind(_HEAD(1, None in values, of, len(values), 1) + found)
        return made

    return make


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj


#: What makes an array of a column's values, none of them checked, by the type of its elements.
ARRAYS: Final = {
    "int8": _maker(1016, 20, _ints),
    "float8": _maker(1022, 701, _floats),
    "bool": _maker(1000, 16, _bools),
    "text": _maker(1009, 25, _texts),
    "bytea": _maker(1001, 17, _blobs),
}
