"""Rules: which are in force, and what they make of a job or a dataset."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from msgspec import Struct
from starlette.responses import Response

from hub.access import Principal, Scope, viewer_of
from hub.api.access import require
from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.incidents import subject_of
from hub.api.params import Hub, NodeId
from hub.evaluate.book import Declared
from hub.evaluate.explain import Explanation, explain
from hub.evaluate.watch import Watch
from hub.model import Viewer
from hub.rules.base import Subject
from hub.store.closed import Closed, closed_to
from hub.store.db import Connection

router: Final = APIRouter(prefix="/api/v1/rules", tags=["incidents"], responses=RESPONSES)

Reader = Annotated[Principal, Depends(require(Scope.READ))]


class RuleView(Struct, rename="camel"):
    """A rule in force: its kind, whom it selects, and its kind's settings.

    select: null where it would name what is private to a team that the viewer does not belong to.
    calendar: on which days it opens incidents; null: on all. flapping: when its incidents are kept open; null: never. escalate: null: never.
    """

    name: str
    kind: str
    severity: str
    select: dict[str, Any] | None
    settings: dict[str, Any]
    dry_run: bool
    flapping: dict[str, Any] | None
    escalate: dict[str, Any] | None
    calendar: str | None


class Rules(Struct, rename="camel"):
    rules: list[RuleView]


@router.get("", responses=answers(Rules))
def list_rules(hub: Hub, by: Reader) -> Response:
    """The rules in force: the pack that is always there, and those of trackside.yaml."""
    with hub.db.reading() as connection:
        return answer(Rules(rules_seen(hub, connection, by)))


def rules_seen(hub: RunningHub, connection: Connection, by: Principal) -> list[RuleView]:
    """Those that the principal may see."""
    closed = closed_to(connection, _eyes(by))
    found = []
    for rule in hub.book.rules.values():
        if _shown(rule.declared, closed):
            one, terms = rule.declared, rule.terms
            select = None if _names_private(one, closed) else one.select.model_dump()
            flapping = None if terms.flapping is None else terms.flapping.model_dump()
            escalate = None if terms.escalate is None else terms.escalate.model_dump()
            found.append(
                RuleView(
                    one.name, one.kind, one.severity, select, one.settings, one.dry_run,
                    flapping, escalate, rule.days.words if rule.days else None,
                )
            )  # fmt: skip
    return found


@router.get("/explain", responses=answers(Explanation))
def explain_rules(node_id: NodeId, hub: Hub, by: Reader) -> Response:
    """Which rules watch a job or a dataset, what they go by, and what each would say now.

    Nothing is moved by it. Rules that do not apply come last, each with the reason.
    """
    eyes = viewer_of(by)
    watch = Watch(hub.db, hub.writer, hub.book, hub.plan)
    with hub.db.reading() as connection:
        closed = closed_to(connection, _eyes(by))
        job, dataset = subject_of(connection, eyes, node_id)
        subject, key = (Subject.JOB, job) if job is not None else (Subject.DATASET, dataset)
        assert key is not None
        told = explain(
            connection,
            watch,
            hub.book,
            subject,
            key,
            datetime.now(UTC),
            lambda one: _shown(one, closed) and not _names_private(one, closed),
        )
    return answer(told)


def _eyes(by: Principal) -> Viewer:
    """Whoever may operate the hub sees how it is set up."""
    return Viewer(all=True) if by.has(Scope.OPERATE) else viewer_of(by)


def _shown(one: Declared, closed: Closed) -> bool:
    return one.select.team not in closed.teams


def _names_private(one: Declared, closed: Closed) -> bool:
    return one.select.names and any(one.select.takes_name(name) for name in closed.names)
