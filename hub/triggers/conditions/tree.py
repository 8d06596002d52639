"""What a condition is made of. All of it is data: frozen, comparable, with a text and a JSON form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from msgspec import Struct

from hub.model import EntityName

Operator = Literal[">=", ">", "<=", "<", "="]


class MetricOf(Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """What a metric of the latest update of another dataset is.

    otherwise: what it is taken for if that has no such metric; without it nothing can be compared,
    and the bound does not hold.
    """

    metric: str
    dataset: EntityName
    otherwise: float | None = None


class Bound(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What a metric of an update must be: `rows`, `bytes`, or any that was reported with it."""

    metric: str
    op: Operator
    than: float | MetricOf


class Quality(Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """What a dataset must be like before its updates count. Lengths of time in seconds."""

    checks_passed: bool = False
    no_open_incident: bool = False
    fresh_within_s: int | None = None

    def __or__(self, other: Quality) -> Quality:
        """Both of them."""
        fresh = [s for s in (self.fresh_within_s, other.fresh_within_s) if s is not None]
        return Quality(
            self.checks_passed or other.checks_passed,
            self.no_open_incident or other.no_open_incident,
            min(fresh, default=None),
        )


class Updated(
    Struct,
    frozen=True,
    tag_field="type",
    tag="updated",
    rename="camel",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """A dataset was updated. partition, tag, job and team are patterns in which * is any text.

    job is compared as namespace/name. in_last_s: an update counts for so many seconds.
    """

    dataset: EntityName
    partition: str | None = None
    tag: str | None = None
    job: str | None = None
    team: str | None = None
    bounds: tuple[Bound, ...] = ()
    in_last_s: int | None = None
    gate: Quality | None = None


class Group(
    Struct,
    frozen=True,
    tag_field="type",
    rename="camel",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """Several of which some must hold. in_last_s and gate hold for each dataset within.

    within_s: what makes it hold must lie within so many seconds of each other.
    """

    of: tuple[Node, ...]
    within_s: int | None = None
    in_last_s: int | None = None
    gate: Quality | None = None

    word: ClassVar[str]

    @property
    def need(self) -> int:
        """How many of them."""
        raise NotImplementedError


class All(Group, frozen=True, tag="all"):
    word = "all"

    @property
    def need(self) -> int:
        return len(self.of)


class AnyOf(Group, frozen=True, tag="any"):
    word = "any"

    @property
    def need(self) -> int:
        return 1


class Some(Group, frozen=True, tag="some", kw_only=True):
    count: int

    word = "of"

    @property
    def need(self) -> int:
        return self.count


Node = Updated | All | AnyOf | Some


class ByTime(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A time of day (`07:00`) by a clock on the wall in a time zone."""

    at: str
    timezone: str = "UTC"


class CronClock(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    expression: str
    timezone: str = "UTC"


class Condition(
    Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """When to launch. Lengths of time in seconds.

    debounce_s: not before no update has come for so long. by, at_most_s: with what is there at the
    next such time, or so long after the first update. cron: at its ticks alone.
    """

    when: Node
    debounce_s: int | None = None
    by: ByTime | None = None
    at_most_s: int | None = None
    cron: CronClock | None = None


def leaves(node: Node) -> Iterator[Updated]:
    """The datasets of a condition, from left to right; one may come more than once."""
    if isinstance(node, Updated):
        yield node
        return
    for inner in node.of:
        yield from leaves(inner)


def has_gate(node: Node) -> bool:
    """Whether anything keeps an update back that is no matter of updates or of time."""
    inner = () if isinstance(node, Updated) else node.of
    return node.gate is not None or any(map(has_gate, inner))


def inputs_of(condition: Condition) -> frozenset[EntityName]:
    """The datasets whose updates may launch something."""
    return frozenset(leaf.dataset for leaf in leaves(condition.when))
