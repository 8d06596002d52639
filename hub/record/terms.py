"""The words under which a job or dataset is found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from hub.model import Tag

SHORTEST = 3
LONGEST = 64
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")


def words(text: str) -> list[str]:
    """Lower-case words of a name, split at punctuation and at camelCase humps."""
    return [word.lower()[:LONGEST] for word in _WORD.findall(text)]


def endings(text: str) -> set[str]:
    """All words of a name with their endings of three and more letters, and the name itself.

    A prefix look-up among them finds any part of a word.
    """
    found = {text.lower()[:LONGEST]}
    for word in words(text):
        found.add(word)
        found.update(word[i:] for i in range(1, len(word) - SHORTEST + 1))
    return found


def whole_words(texts: Iterable[str]) -> set[str]:
    """The words of several texts and the texts themselves, without endings."""
    found: set[str] = set()
    for text in texts:
        found.add(text.lower()[:LONGEST])
        found.update(words(text))
    return {term for term in found if term}


def facet_terms(payload: bytes) -> set[str]:
    """Short texts directly in a facet; the spec's own `_` members are left out."""
    values: Any = msgspec.json.decode(payload)
    if not isinstance(values, dict):
        return set()
    texts = (v for k, v in values.items() if isinstance(v, str) and not k.startswith("_"))
    return {t.lower() for t in texts if 1 < len(t) <= LONGEST}


def tag_terms(tags: Iterable[Tag] | None) -> set[str]:
    return whole_words(text for t in tags or () for text in (t.key, t.value))


_encoder = msgspec.json.Encoder(order="deterministic")


def to_json(value: object) -> bytes:
    """One and the same text for the same value."""
    return _encoder.encode(value)


def json_list(values: Iterable[str] | None) -> str | None:
    return None if values is None else to_json(list(values)).decode()
