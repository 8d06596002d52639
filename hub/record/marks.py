"""Which version of each facet holds: the one with the latest event time, then the greater digest.

The marks of a job or dataset are one small JSON text on its row, so that a batch reads and writes
them with the row.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import msgspec

Mark = tuple[int, str]
_decoder = msgspec.json.Decoder(dict[str, Mark])
_encoder = msgspec.json.Encoder(order="deterministic")


#: Facets longer than that are not remembered for the sake of their digests.
_REMEMBERED = 1024


def digest_of(payload: bytes) -> str:
    return _known(payload) if len(payload) <= _REMEMBERED else _digest(payload)


def _digest(payload: bytes) -> str:
    return hashlib.blake2b(payload, digest_size=8).hexdigest()


# Most events of a job say the same of it as those before.
_known = lru_cache(maxsize=4096)(_digest)


class Marks:
    """The marks of one row."""

    def __init__(self, text: str | None) -> None:
        self._held: dict[str, Mark] = _decoder.decode(text) if text else {}
        self._stored = frozenset(self._held)
        self.changed = False

    def win(self, name: str, at: int, payload: bytes) -> bool:
        """Whether `payload` now holds and says something else than before."""
        digest = digest_of(payload)
        held = self._held.get(name)
        if held is not None and (at, digest) <= held:
            return False
        self._held[name] = (at, digest)
        self.changed = True
        return held is None or held[1] != digest

    def stored(self, name: str) -> bool:
        """Whether an earlier batch left a version."""
        return name in self._stored

    def join(self, other: Marks) -> tuple[list[str], list[str]]:
        """Takes the marks that are later in `other`; the names of these, and of the rest of them."""
        won = [n for n, mark in other._held.items() if mark > self._held.get(n, (mark[0] - 1, ""))]
        self._held |= {name: other._held[name] for name in won}
        self.changed = self.changed or bool(won)
        return won, [name for name in other._held if name not in won]

    def text(self) -> str:
        return _encoder.encode(self._held).decode()
