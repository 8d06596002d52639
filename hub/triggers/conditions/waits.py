"""What a condition waits for, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from hub.rules.base import said, spoken
from hub.triggers.conditions.seen import Wait
from hub.triggers.conditions.standing import Branch, Stem, Twig
from hub.triggers.conditions.wording import dataset_text

#: So many of those that may come are named.
_TOLD: Final = 8


def waits(stem: Stem, since: datetime | None) -> list[Wait]:
    """Of a tree that does not hold; one for each thing without which it can't."""
    return [_with(since, wait) for wait in _waits(stem, "")]


def missing(stem: Stem) -> list[str]:
    """What a launch goes without: "s3://lake/items is missing"."""
    if isinstance(stem, Twig):
        return [_missing(stem)]
    absent = [inner for inner in stem.of if not inner.holds]
    if not absent:
        return [f"updates are not within {spoken(stem.group.within_s or 0)} of each other"]
    if _needs_all(stem, absent):
        return [text for inner in absent for text in missing(inner)]
    return [f"{_left(stem, absent)} of {_names(absent)} is missing"]


def _missing(twig: Twig) -> str:
    name = dataset_text(twig.leaf.dataset)
    if twig.blocked:
        return f"{name} is held back ({'; '.join(twig.blocked)})"
    return f"{name} is missing" if twig.lacking is None else f"of {name} {twig.lacking}"


def there_of(stem: Stem) -> str:
    """How many of a group's parts hold, of as many as it needs: 2 of 3."""
    if isinstance(stem, Twig):
        return f"{int(stem.holds)} of 1"
    return f"{sum(inner.holds for inner in stem.of)} of {stem.group.need}"


def _with(since: datetime | None, wait: Wait) -> Wait:
    return Wait(wait.text, wait.dataset, since)


def _waits(stem: Stem, there_too: str) -> Iterator[Wait]:
    if isinstance(stem, Twig):
        yield Wait(_of_twig(stem, there_too), stem.leaf.dataset)
        return
    absent = [inner for inner in stem.of if not inner.holds]
    count = f" ({there_of(stem)} there)" if len(stem.of) > 1 else ""
    if not absent or len(stem.of) - len(absent) >= stem.group.need:
        yield Wait(_apart(stem))
    elif _needs_all(stem, absent):
        for inner in absent:
            yield from _waits(inner, count)
    else:
        yield Wait(f"waiting for {_left(stem, absent)} of {_names(absent)}{count}")


def _needs_all(branch: Branch, absent: Sequence[Stem]) -> bool:
    return len(branch.of) == branch.group.need or len(absent) == 1


def _left(branch: Branch, absent: Sequence[Stem]) -> int:
    return branch.group.need - (len(branch.of) - len(absent))


def _of_twig(twig: Twig, there_too: str) -> str:
    name = dataset_text(twig.leaf.dataset)
    if not twig.blocked and twig.lacking is not None:
        return f"waiting for {name}, of which {twig.lacking}{there_too}"
    if twig.counted:
        return f"waiting for {name} to pass its gate: {'; '.join(twig.blocked)}{there_too}"
    return f"waiting for {name}{there_too}"


def _apart(branch: Branch) -> str:
    names = _names([inner for inner in branch.of if inner.holds])
    return (
        f"waiting for updates of {names} within {spoken(branch.group.within_s or 0)} of each other"
    )


def _names(stems: Sequence[Stem]) -> str:
    names = ", ".join(_name(stem) for stem in stems[:_TOLD])
    more = len(stems) - _TOLD
    return f"{names} and {more} more" if more > 0 else names


def _name(stem: Stem) -> str:
    if isinstance(stem, Twig):
        return dataset_text(stem.leaf.dataset)
    head = f"{stem.group.need} of " if stem.group.word == "of" else stem.group.word
    return f"{head}({_names(stem.of)})"


def of_time(what: str, at: datetime, since: datetime | None) -> Wait:
    return Wait(f"{what} ({said(at)})", None, since)
