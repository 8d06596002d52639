"""Sets of 32-bit checksums as text, small enough for a cursor: 5.4 bytes each."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable

import msgspec

from adapters.airflow.wire import Dag


def checksum(dag: Dag) -> int:
    """Of what the list of Dags tells and we hand on; when it runs next moves all the time."""
    same = msgspec.structs.replace(dag, next_dagrun_run_after=None, next_dagrun_create_after=None)
    return zlib.crc32(msgspec.json.encode(same))


def pack(sums: Iterable[int]) -> str:
    ordered = sorted(sums)
    return base64.b64encode(struct.pack(f"<{len(ordered)}I", *ordered)).decode()


def unpack(text: str) -> set[int]:
    raw = base64.b64decode(text)
    return set(struct.unpack(f"<{len(raw) // 4}I", raw))
