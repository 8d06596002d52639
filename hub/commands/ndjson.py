"""Files of lineage events, one JSON object a line: plain, .gz or .zst; - is stdin or stdout."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import zstandard

from hub.errors import BadInput

BLOCK = 2**20


def lines(file: str) -> Iterator[bytes]:
    """Lines that hold something. Raises BadInput if there is no such file or it is cut off."""
    try:
        with _opened(file) as stream:
            blocks: Iterable[bytes] = iter(lambda: stream.read(BLOCK), b"")
            yield from _split(_frames(blocks) if file.endswith(".zst") else blocks)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        told = getattr(error, "strerror", None) or str(error)
        raise BadInput("file", f"{file}: {told}", "lines of lineage events") from None


def events_of(file: str) -> Iterator[bytes]:
    """Its lines. Raises BadInput at once if the first is no JSON object: it is another file."""
    found = lines(file)
    first = next(found, None)
    if first is None:
        return found
    try:
        msgspec.json.decode(first, type=dict)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BadInput(
            "file", first, "lineage events, one JSON object a line", f"{file} holds something else"
        ) from None
    return chain([first], found)


def _opened(file: str) -> Any:
    if file == "-":
        return nullcontext(sys.stdin.buffer)
    return gzip.open(file) if file.endswith(".gz") else Path(file).open("rb")


def _frames(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """An export that was resumed is several frames, one behind the other."""
    frame, within = zstandard.ZstdDecompressor().decompressobj(), False
    for block in blocks:
        rest = block
        while rest:
            yield frame.decompress(rest)
            within, rest = not frame.eof, frame.unused_data
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
    if within:
        raise EOFError("it is cut off")


def _split(blocks: Iterable[bytes]) -> Iterator[bytes]:
    begun = b""
    for block in blocks:
        *whole, begun = (begun + block).split(b"\n")
        yield from filter(None, map(bytes.strip, whole))
    if begun.strip():
        yield begun.strip()


class Mark(msgspec.Struct):
    """How far an unfinished export has come: safe bytes of its file, the last id, how many."""

    size: int = 0
    after: int = 0
    events: int = 0


class Resumable:
    """Writes `FILE.part`, a zstd frame at a time, and gives it its name when all is there.

    Interrupted, it goes on behind the last frame that was safely written.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._part = file.with_name(file.name + ".part")
        self._marked = file.with_name(file.name + ".part.json")
        self.mark = self._found()
        self._out = self._open()

    def write(self, events: Iterable[bytes], last: int) -> None:
        """Adds a frame and makes it safe; `last` is the id of its last event."""
        block = b"".join(event + b"\n" for event in events)
        self._out.write(zstandard.ZstdCompressor(3).compress(block))
        self._out.flush()
        os.fsync(self._out.fileno())
        self.mark.size, self.mark.after = self._out.tell(), last
        self.mark.events += block.count(b"\n")
        self._marked.write_bytes(msgspec.json.encode(self.mark))

    def finish(self) -> None:
        self._out.close()
        self._part.replace(self._file)
        self._marked.unlink(missing_ok=True)

    def close(self) -> None:
        self._out.close()

    def _found(self) -> Mark:
        if self._part.exists() and self._marked.exists():
            return msgspec.json.decode(self._marked.read_bytes(), type=Mark)
        return Mark()

    def _open(self) -> BinaryIO:
        out = self._part.open("r+b" if self.mark.size else "wb")
        out.truncate(self.mark.size)
        out.seek(self.mark.size)
        return out
