"""A condition as it is drawn: its datasets and groups, each there, held back or awaited."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from msgspec import Struct

from hub.rules.base import spoken
from hub.triggers.conditions.standing import Branch, Stem, Twig
from hub.triggers.conditions.text import node_text
from hub.triggers.conditions.tree import Condition, Group, Node, Updated
from hub.web import links

#: Updates of a dataset that are told one by one.
_TOLD: Final = 3


class Came(Struct, frozen=True):
    """An update that counts."""

    at: datetime
    partition: str


class Drawn(Struct, frozen=True):
    """One part of a condition. state: there, held or awaited; None: nobody has looked.

    told: its text, of a group what it asks for. notes: why it is not there.
    """

    told: str
    state: str | None
    href: str | None = None
    notes: list[str] = []
    came: list[Came] = []
    parts: list[Drawn] = []


def drawn(stem: Stem) -> Drawn:
    """With what has arrived."""
    if isinstance(stem, Twig):
        return _twig(stem)
    state = "there" if stem.holds else "awaited"
    there = sum(inner.holds for inner in stem.of)
    told = f"{_asks(stem.group)}: {there} of {len(stem.of)} there"
    return Drawn(told, state, parts=[drawn(inner) for inner in stem.of], notes=_apart(stem, there))


def outline(node: Node) -> Drawn:
    """Of a condition that nobody has looked at."""
    if isinstance(node, Updated):
        return Drawn(node_text(node), None, links.dataset(node.dataset))
    return Drawn(_asks(node), None, parts=[outline(inner) for inner in node.of])


def timing(condition: Condition) -> list[str]:
    """When it launches besides, in words."""
    return list(_timing(condition))


def _twig(twig: Twig) -> Drawn:
    state = "there" if twig.holds else "held" if twig.counted else "awaited"
    notes = [*twig.blocked, *([] if twig.lacking is None else [twig.lacking])]
    latest = sorted(twig.counted, key=lambda one: one.at, reverse=True)
    came = [Came(one.at, one.source_partition) for one in latest[:_TOLD]]
    if len(latest) > _TOLD:
        notes = [f"{len(latest)} updates of it wait", *notes]
    return Drawn(node_text(twig.leaf), state, links.dataset(twig.leaf.dataset), notes, came)


def _apart(branch: Branch, there: int) -> list[str]:
    if branch.holds or there < branch.group.need or branch.group.within_s is None:
        return []
    return [f"not within {spoken(branch.group.within_s)} of each other"]


def _asks(group: Group) -> str:
    return " ".join(_words(group))


def _words(group: Group) -> Iterator[str]:
    yield f"{group.need} of" if group.word == "of" else f"{group.word} of"
    yield f"these {len(group.of)}"
    if group.within_s is not None:
        yield f"within {spoken(group.within_s)} of each other"
    if group.in_last_s is not None:
        yield f"in the last {spoken(group.in_last_s)}"
    if group.gate is not None:
        yield "whose gate is open"


def _timing(condition: Condition) -> Iterator[str]:
    if condition.debounce_s is not None:
        yield f"once no update has come for {spoken(condition.debounce_s)}"
    if condition.by is not None:
        yield f"by {condition.by.at} {condition.by.timezone} with what is there"
    if condition.at_most_s is not None:
        yield f"{spoken(condition.at_most_s)} after the first update with what is there"
    if condition.cron is not None:
        yield f"only at {condition.cron.expression} {condition.cron.timezone}"
