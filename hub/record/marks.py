"""Which version of each facet holds: the one with the latest event time, then the greater digest.

The marks of a job or dataset are one small JSON text on its row, so that a batch reads and writes
them with the row.
"""

from __future__ import annotations

import hashlib

import msgspec

Mark = tuple[int, str]
_decoder = msgspec.json.Decoder(dict[str, Mark])
_encoder = msgspec.json.Encoder(order="deterministic")


def digest_of(payload: bytes) -> str:
    return hashlib.blake2b(payload, digest_size=8).hexdigest()


class Marks:
    """The marks of one row."""

    def __init__(self, text: str | None) -> None:
        self._held: dict[str, Mark] = _decoder.decode(text) if text else {}
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

    def text(self) -> str:
        return _encoder.encode(self._held).decode()
