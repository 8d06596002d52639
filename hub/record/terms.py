"""The words under which a job or dataset is found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from hub.model import Tag

SHORTEST = 3
LONGEST = 64
#: Of a facet: longer texts are no names, and more terms are no help to find it.
LONGEST_TEXT = 200
PER_FACET = 40
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
    """Words of the values in a facet, however deep, and short values themselves.

    The first `PER_FACET` of them: a facet may hold a whole program. The spec's own `_` members are
    left out.
    """
    found: set[str] = set()
    for term in _terms(msgspec.json.decode(payload)):
        found.add(term)
        if len(found) == PER_FACET:
            break
    return found


def _terms(value: object) -> Iterator[str]:
    for text in _texts(value):
        whole = [text.lower()] if len(text) <= LONGEST else []
        yield from (term for term in (*whole, *words(text)) if len(term) > 1)


def _texts(value: object) -> Iterator[str]:
    """Texts, numbers and booleans in the order in which they are written; long texts are not."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one[key] for key in reversed(one) if not key.startswith("_"))
        elif isinstance(one, list):
            waiting.extend(reversed(one))
        elif isinstance(one, str):
            if len(one) <= LONGEST_TEXT:
                yield one
        elif one is not None:
            yield str(one).lower()


def tag_terms(tags: Iterable[Tag] | None) -> set[str]:
    return whole_words(text for t in tags or () for text in (t.key, t.value))


_encoder = msgspec.json.Encoder(order="deterministic")


def to_json(value: object) -> bytes:
    """One and the same text for the same value."""
    return _encoder.encode(value)


def json_list(values: Iterable[str] | None) -> str | None:
    return None if values is None else to_json(list(values)).decode()
