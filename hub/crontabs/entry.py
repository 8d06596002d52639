"""One thing that is run by the clock, wherever that is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from hub.model import Schedule


class Entry(Struct, frozen=True, kw_only=True):
    """A line, a timer or a CronJob. schedule: None where the clock says nothing, or can't be read:
    `trouble` says why. wrapped: it tells the hub itself. namespace: None is that of the host.
    """

    name: str
    command: str
    where: str
    schedule: Schedule | None = None
    trouble: str = ""
    namespace: str | None = None
    wrapped: bool = False
    line: int = 0


def told_apart(entries: Iterable[Entry]) -> list[Entry]:
    """Names that stay: of those called the same the first keeps its name, whatever comes after it,
    and the others are told apart by what they run.
    """
    seen: Counter[tuple[str | None, str]] = Counter()
    found = []
    for one in entries:
        key = (one.namespace, one.name)
        if seen[key] and not one.wrapped:
            digest = blake2b(one.command.encode(), digest_size=3).hexdigest()
            found.append(replace(one, name=f"{one.name}-{digest}"))
        else:
            found.append(one)
        seen[key] += 1
    return found
