"""Answers of another shape than the right one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

OTHERS: list[Any] = [None, 7, "x", [], {}, [None], {"a": 1}, 1e300, "\ud800"]


def wrong(value: Any) -> Iterator[Any]:
    """The value with one part of it missing or replaced by something else, each in turn."""
    for other in OTHERS:
        if type(other) is not type(value):
            yield other
    if isinstance(value, dict):
        for key, below in list(value.items())[:14]:
            yield {k: v for k, v in value.items() if k != key}
            yield from ({**value, key: other} for other in wrong(below))
    elif isinstance(value, list) and value:
        yield from ([other, *value[1:]] for other in wrong(value[0]))


def some(shapes: list[Any], most: int) -> list[Any]:
    """At most so many of them, evenly spread."""
    return shapes[:: max(1, -(-len(shapes) // most))]
