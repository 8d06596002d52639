"""A fleet in parts that are replayed one by one, and kept as they end: a long run may be cut off.

The jobs of an orchestrator that is polled are divided into groups, for no rule looks across them. One
that pushes is a part as a whole: whether it is silent is seen from all its jobs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import datetime, timedelta
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from benchmarks.detection.fleet import Fleet, History
from hub.record import Incoming
from hub.store.history import Told
from hub.store.types import from_micros

#: Jobs of one part, about: what a look costs is shared by those that are looked at together.
GROUP: Final = 200
#: How often a part says how far it is, in its own time.
SAID_EVERY: Final = timedelta(days=30)
_ROOT: Final = Path(__file__).parents[2]
_json: Final = msgspec.json.Encoder(order="deterministic")


class Part(Struct, frozen=True):
    """Jobs of one orchestrator. first: of its parts; it alone tells of the orchestrator itself."""

    name: str
    made: Fleet
    first: bool


class Played(Struct, frozen=True):
    """What was told of a part, how much came in, and seconds of CPU."""

    told: list[Told]
    items: int
    seconds: float


class Kept(Struct, frozen=True):
    """A part that has ended. made_of: its jobs and the code, as `_made_of` tells them."""

    made_of: str
    played: Played


def parts_of(made: Fleet, group: int = GROUP) -> list[Part]:
    """The largest first."""
    found: list[Part] = []
    for name in dict.fromkeys(one.job.orchestrator.name for one in made.histories):
        mine = [one for one in made.histories if one.job.orchestrator.name == name]
        some = list(_divided(mine, group)) if mine[0].job.orchestrator.polled else [mine]
        for number, histories in enumerate(some):
            told = [one for one in made.observed if one[0] == name and number == 0]
            outages = {name: made.outages.get(name, [])}
            part = Fleet(made.begin, made.end, histories, outages, told)
            found.append(Part(f"{name}-{number + 1}", part, first=number == 0))
    return sorted(found, key=lambda part: -len(part.made.histories))


def _divided(histories: list[History], group: int) -> Iterator[list[History]]:
    count = -(-len(histories) // group)
    return (histories[number::count] for number in range(count))


def play_parts(
    parts: Sequence[Part], play: Callable[[Part], Played], folder: Path | None = None
) -> list[Played]:
    """Each in a process, as many at a time as there are cores; those that are kept are not played."""
    found: dict[str, Played] = {}
    for part in parts:
        kept = _kept(folder, part)
        if kept is not None:
            found[part.name] = kept
            say(f"{part.name}: kept from before, {kept.items:,} events and observations")
    left = [part for part in parts if part.name not in found]
    workers = max(1, min(len(left), os.cpu_count() or 1))
    with ProcessPoolExecutor(workers, get_context("fork")) as pool:
        waiting = {pool.submit(_play, play, folder, part): part for part in left}
        for done in as_completed(waiting):
            part, played = waiting[done], done.result()
            found[part.name] = played
            say(
                f"{part.name}: {played.items:,} events and observations in {played.seconds:,.0f} s of"
                f" a core; {len(found)} of {len(parts)} parts"
            )
    return [found[part.name] for part in parts]


def _play(play: Callable[[Part], Played], folder: Path | None, part: Part) -> Played:
    """Kept by whoever plays it: the others may fail, or be cut off."""
    played = play(part)
    _keep(folder, part, played)
    return played


def saying(part: Part, items: Iterable[Incoming]) -> Iterator[Incoming]:
    """The items; says now and then how far they are."""
    said = part.made.begin
    for item in items:
        at = from_micros(item.received_at)
        if at >= said + SAID_EVERY:
            said = at
            say(f"{part.name}: {_share(part.made, at):.0%} of {len(part.made.histories)} jobs")
        yield item


def _share(made: Fleet, at: datetime) -> float:
    return (at - made.begin) / (made.end - made.begin)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# -- what is kept --------------------------------------------------------------------------------


def _file(folder: Path, part: Part) -> Path:
    return folder / f"{part.name}.json"


def _kept(folder: Path | None, part: Part) -> Played | None:
    """None: there is nothing, or it is of other jobs or of other code."""
    if folder is None or not _file(folder, part).exists():
        return None
    kept = msgspec.json.decode(_file(folder, part).read_bytes(), type=Kept)
    return kept.played if kept.made_of == _made_of(part) else None


def _keep(folder: Path | None, part: Part, played: Played) -> None:
    """All of it or nothing, whatever ends us."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    new = _file(folder, part).with_suffix(".new")
    new.write_bytes(msgspec.json.encode(Kept(_made_of(part), played)))
    new.replace(_file(folder, part))


def _made_of(part: Part) -> str:
    """A digest of what happens in the part, and of the code that makes something of it."""
    digest = sha256(_json.encode(part.made))
    for folder in ("hub", "benchmarks/detection"):
        for file in sorted((_ROOT / folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()
