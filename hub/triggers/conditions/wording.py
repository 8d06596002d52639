"""How names and lengths of time are written in a condition's text, and said to people."""

from __future__ import annotations

import json
import re
from typing import Final

from hub.model import EntityName

#: What needs no quotes within a word.
BARE: Final = re.compile(r'[^\s"(),<>=]+')
_URI: Final = re.compile(r"[^/]*://")
_UNITS: Final = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def word(text: str) -> str:
    """As it is where it can be, else in quotes."""
    return text if BARE.fullmatch(text) else quoted(text)


def split_at(text: str) -> int | None:
    """Where the name begins after a namespace: the slash that ends `scheme://host` or `host`."""
    uri = _URI.match(text)
    place = text.find("/", uri.end() if uri else 0)
    return None if place < 0 else place


def dataset_text(dataset: EntityName) -> str:
    """namespace/name; in quotes what would otherwise be read in another way."""
    namespace, name = word(dataset.namespace), word(dataset.name)
    seen = f"{namespace}/" if name.startswith('"') else f"{namespace}/{name}"
    if split_at(seen) != len(dataset.namespace):
        namespace = quoted(dataset.namespace)
    return f"{namespace}/{name}"


def length_text(seconds: int) -> str:
    """`1h30m`; a length of time is above zero."""
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def number_text(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
