"""Targets: who can be told, whether it works, and who would hear of what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.edits import note
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.incidents import subject_of
from hub.api.params import Eyes, Hub, Instant, Operator, Text
from hub.api.paths import Name
from hub.errors import BadInput
from hub.incidents import Severity
from hub.model import Viewer
from hub.ports import About, Health, Hearing, Trial
from hub.store import cases
from hub.store.alert_quality import QualityView, quality
from hub.store.db import Connection
from hub.store.silences import in_force
from hub.store.targets import health
from hub.store.views import View

router: Final = APIRouter(prefix="/api/v1", tags=["alerting"], responses=RESPONSES)


class TargetView(View, frozen=True):
    """keyed: its channel keeps one thing per key, so that nothing is told twice. severity: the
    least that it hears of. downSince, error: it takes no deliveries.
    """

    name: str
    kind: str
    keyed: bool
    team: str | None
    severity: str
    delivered_at: datetime | None
    down_since: datetime | None
    paused_until: datetime | None
    failures: int
    error: str | None


class Targets(Struct, rename="camel"):
    targets: list[TargetView]


@dataclass(frozen=True, slots=True)
class Imagined:
    """An incident that may be there, or may not."""

    incident: Annotated[int | None, Query(ge=1, le=2**53)] = None
    node_id: Annotated[
        Text | None,
        Query(
            alias="nodeId",
            max_length=8192,
            description="job:<namespace>:<name> or dataset:<namespace>:<name>",
        ),
    ] = None
    rule: Annotated[Text, Query(max_length=63)] = "failed-run"
    kind: Annotated[Text, Query(max_length=63, description="of the rule")] = "failed_run"
    severity: Annotated[Severity, Query()] = "error"


@router.get("/targets", responses=answers(Targets))
def list_targets(hub: Hub, eyes: Eyes) -> Response:  # noqa: ARG001  may read
    """Who can be told, as it is declared, and how each does."""
    return answer(Targets(targets_told(hub)))


def targets_told(hub: RunningHub) -> list[TargetView]:
    with hub.db.reading() as connection:
        known = health(connection)
    found = []
    for one in hub.teller.targets():
        its = known.get(one.name) or Health(name=one.name)
        found.append(
            TargetView(
                one.name,
                one.kind,
                one.keyed,
                one.team,
                one.severity,
                its.delivered_at,
                its.down_since,
                its.paused_until,
                its.failures,
                its.error,
            )
        )
    return found


@router.post("/targets/{target}/test", responses=answers(Trial))
def test_target(target: Name, hub: Hub, by: Operator) -> Response:
    """Checks the target and sends a message that says it is a test; where that works, a target
    that was down is up again. `error` says what to change where it does not.
    """
    trial = hub.teller.test(target, datetime.now(UTC))
    note(hub, by, "target_tested", target)
    return answer(trial)


@router.get("/routes/test", responses=answers(Hearing))
def test_routes(hub: Hub, eyes: Eyes, asked: Annotated[Imagined, Depends()]) -> Response:
    """Who would hear of an incident, or of one on a job or dataset, and why, line by line."""
    return answer(hearing_of(hub, eyes, asked))


def hearing_of(hub: RunningHub, eyes: Viewer, asked: Imagined) -> Hearing:
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        about = _about(connection, eyes, asked)
        silences = in_force(connection, now)
    return hub.teller.hearing(about, silences, now)


@router.get("/alerting/quality", responses=answers(QualityView))
def get_alert_quality(
    hub: Hub,
    eyes: Eyes,
    since: Annotated[Instant | None, Query(description="the last four weeks if not told")] = None,
    until: Annotated[Instant | None, Query(description="now if not told")] = None,
) -> Response:
    """How often which team was told, what share of that somebody acknowledged or was over by
    itself within five minutes, and the noisiest rules with what to change about them.
    """
    end = until or datetime.now(UTC)
    begin = since or end - timedelta(weeks=4)
    if begin >= end:
        raise BadInput("since", begin.isoformat(), "a time before until")
    with hub.db.reading() as connection:
        return answer(quality(connection, eyes, begin, end))


def _about(connection: Connection, eyes: Viewer, asked: Imagined) -> About:
    if asked.incident is not None:
        return cases.about_incident(connection, eyes, asked.incident)
    if asked.node_id is None:
        raise BadInput("nodeId", None, "an incident, or the nodeId of a job or dataset")
    told: dict[str, Any] = {"rule": asked.rule, "kind": asked.kind, "severity": asked.severity}
    job, dataset = subject_of(connection, eyes, asked.node_id)
    if job is not None:
        return cases.about_job(connection, job, **told)
    assert dataset is not None
    return cases.about_dataset(connection, dataset, **told)
