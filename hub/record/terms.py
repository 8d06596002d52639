"""The words under which a job or dataset is found."""

from __future__ import annotations

import re
from collections.abc import Iterable

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
