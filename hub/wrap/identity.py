"""What a run is called, and how what runs within it comes to know."""

from __future__ import annotations

import os

from hub.wrap.options import Options

#: How OpenLineage's tools (dbt-ol and others) are told of the run that they are a part of.
PARENT = "OPENLINEAGE_PARENT_ID"


def environment_for(options: Options, run_id: str) -> dict[str, str]:
    """With our run as the parent of what the command tells of, as dbt-ol and others read it."""
    told = dict(os.environ)
    if "/" not in options.namespace + options.name:
        told[PARENT] = f"{options.namespace}/{options.name}/{run_id}"
    return told


def new_run_id(at_ns: int) -> str:
    """A UUID of version 7: by time, which keeps indexes small."""
    stamp, chance = at_ns // 1_000_000, int.from_bytes(os.urandom(10), "big")
    number = stamp << 80 | 0x7 << 76 | (chance >> 68) << 64 | 0b10 << 62 | (chance & (1 << 62) - 1)
    digits = f"{number:032x}"
    cuts = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
    return "-".join(digits[begin:end] for begin, end in cuts)
