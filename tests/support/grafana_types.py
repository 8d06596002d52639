"""Whether JSON is what Grafana's own types say, by the bindings that Grafana generates from its schemas.

A field that a type does not know is lost when it is read and written again, and so is found; the
type of every value is looked at besides, for the bindings themselves don't.
"""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from grafana_foundation_sdk.cog.encoder import JSONEncoder

Json = dict[str, Any]


class _Encoder(JSONEncoder):
    """The bindings read some texts as sets that hold the text."""

    def default(self, obj: Any) -> Any:
        return next(iter(obj)) if isinstance(obj, set) else super().default(obj)


def complaints(made_of: type[Any], told: Json) -> list[str]:
    """What is wrong with it; nothing: it is as the schema wants it."""
    return list(_of_json(told, made_of, made_of.__name__))


def _of_json(told: Json, made_of: Any, place: str) -> Iterator[str]:
    read = made_of.from_json(told)
    again = json.loads(json.dumps(read, cls=_Encoder))
    yield from _lost(told, again, place)
    yield from _wrong(read, made_of, place)


def _lost(told: Any, again: Any, place: str) -> Iterator[str]:
    if isinstance(told, dict) and isinstance(again, dict):
        for name, value in told.items():
            if name not in again:
                if value is not None:
                    yield f"{place}.{name}: no such field"
                continue
            yield from _lost(value, again[name], f"{place}.{name}")
    elif isinstance(told, list) and isinstance(again, list) and len(told) == len(again):
        for number, (one, other) in enumerate(zip(told, again, strict=True)):
            yield from _lost(one, other, f"{place}[{number}]")
    elif told != again:
        yield f"{place}: {told!r} is read as {again!r}"


def _wrong(value: Any, wanted: Any, place: str) -> Iterator[str]:
    if isinstance(value, set):
        (value,) = value
    if isinstance(value, dict) and hasattr(wanted, "from_json"):
        yield from _of_json(value, wanted, place)  # some are not read further
        return
    origin = get_origin(wanted)
    if origin in {Union, UnionType}:
        tries = [list(_wrong(value, one, place)) for one in get_args(wanted)]
        if all(tries):
            # what went deepest was meant
            yield from max(tries, key=lambda one: max(map(len, one)))
    elif origin in {list, dict}:
        yield from _wrong_within(value, wanted, place)
    elif not _is(value, wanted):
        yield f"{place}: {value!r} is no {wanted}"
    elif hasattr(wanted, "from_json"):
        hints = get_type_hints(wanted, vars(sys.modules[wanted.__module__]))
        for name, hint in hints.items():
            yield from _wrong(getattr(value, name), hint, f"{place}.{name}")


def _wrong_within(value: Any, wanted: Any, place: str) -> Iterator[str]:
    if not isinstance(value, get_origin(wanted)):
        yield f"{place}: {value!r} is no {wanted}"
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in items:
        yield from _wrong(one, get_args(wanted)[-1], f"{place}[{key}]")


def _is(value: Any, wanted: Any) -> bool:
    if wanted in {Any, object}:
        return True
    if wanted in {None, NoneType}:
        return value is None
    if get_origin(wanted) is Literal:
        return value in get_args(wanted)
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(wanted, type) and issubclass(wanted, enum.Enum):
        return value in list(wanted)
    return isinstance(wanted, type) and isinstance(value, wanted)
