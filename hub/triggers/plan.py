"""Subscriptions of trackside.yaml: read with the lines of their mistakes, and put into the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from hub.errors import ConfigError
from hub.settings import Settings
from hub.store import subscriptions
from hub.store.db import Connection
from hub.store.subscriptions import FILE, Wanted
from hub.triggers.circles import circle_text
from hub.triggers.spec import Problem, Spec, read_spec

log = structlog.get_logger(__name__)

#: Who has made what the file declares.
BY_FILE = "trackside.yaml"


_NOWHERE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Plan:
    """What the file declares, checked."""

    specs: tuple[Spec, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        return frozenset(one.name for one in self.specs)


def plan_of(settings: Settings, namespaces: Mapping[str, str] = _NOWHERE) -> Plan:
    """Raises ConfigError, which tells all that is wrong and where.

    namespaces: where the jobs of each orchestrator live.
    """
    problems: list[str] = []
    found: dict[str, Spec] = {}
    for index, given in enumerate(settings.subscriptions):
        place = partial(settings.place, "subscriptions", index)
        read = read_spec(given)
        if not isinstance(read, Spec):
            problems += (_problem(one, index, place) for one in read)
        elif read.name in found:
            problems.append(
                f"{place('name')}: the subscription {read.name!r} stands more than once"
            )
        else:
            name = read.launch.orchestrator
            found[read.name] = read.placed(namespaces.get(name, name))
    if problems:
        raise ConfigError("\n".join(problems))
    return Plan(tuple(found.values()))


def _problem(one: Problem, index: int, place: partial[str]) -> str:
    where = ".".join(map(str, ("subscriptions", index, *one.path)))
    return f"{place(*one.path)}: {where}: {one.text}"


def file_subscriptions(connection: Connection, plan: Plan, now: datetime) -> None:
    """Puts those of the file into the store; those that it no longer declares are no more."""
    for spec in plan.specs:
        if _is_there(connection, spec):
            continue
        wanted = wanted_of(spec, circle_text(connection, spec))
        subscriptions.put_subscription(connection, wanted, origin=FILE, by=BY_FILE, now=now)
        if wanted.refusal is not None:
            log.error("subscription_refused", subscription=spec.name, reason=wanted.refusal)
    for name in _gone(connection, plan):
        subscriptions.delete_subscription(connection, name)
        log.info("subscription_removed", subscription=name)


def _is_there(connection: Connection, spec: Spec) -> bool:
    held = subscriptions.find_subscription(connection, spec.name)
    return held is not None and (held.origin, held.spec) == (FILE, spec.kept())


def _gone(connection: Connection, plan: Plan) -> Iterator[str]:
    for kept in subscriptions.of_origin(connection, FILE):
        if kept.name not in plan.names:
            yield kept.name


def wanted_of(spec: Spec, refusal: str | None = None) -> Wanted:
    return Wanted(
        name=spec.name,
        team=spec.team,
        spec=spec.kept(),
        inputs=spec.inputs,
        since=spec.since,
        refusal=refusal,
    )
