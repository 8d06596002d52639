"""Gates: whether a dataset, or a partition of it, is good to publish."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.gate_watch import Ask, wait_for_gate
from hub.api.hangup import hung_up
from hub.api.hub import Hub as RunningHub
from hub.api.node_ids import NodeType, dataset_id, parse
from hub.api.params import Eyes, Hub, Text
from hub.api.paths import SLASH, Name
from hub.errors import BadInput, Conflict, NotFound
from hub.gates import ChecksPassed, GateAnswer, GateSpec, NoIncident
from hub.model import EntityName, IncidentSeverity, Severity, Viewer
from hub.store.db import Connection
from hub.store.gates import gate_answers
from hub.store.names import match_dataset, name_of_dataset, names_near
from hub.store.types import storable
from hub.store.views import View

router: Final = APIRouter(prefix="/api/v1", tags=["gates"], responses=RESPONSES)

#: The longest that one request waits; a proxy in between may give up earlier.
LONGEST_WAIT_S: Final = 600
_WORDS: Final = {True: "passed", False: "failed", None: "unknown"}


class GatePartView(View, frozen=True):
    """One thing that is asked for: update, checks, incidents, policy, freshness or rows."""

    name: str
    passed: bool | None
    reason: str


class GateView(View, frozen=True):
    """status: passed, failed, or unknown (nothing is wrong, but something is not known yet).

    reasons: what is wrong first. againAt: when time alone changes the answer.
    """

    dataset: EntityName
    partition: str | None
    status: str
    passed: bool | None
    reasons: list[str]
    parts: list[GatePartView]
    again_at: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """The query: what the gate asks for. Without any: checks, incidents, the declared freshness."""

    partition: Annotated[Text | None, Query(min_length=1, max_length=4096)] = None
    checks: Annotated[bool, Query(description="checks must have passed")] = True
    check: Annotated[
        list[Text] | None,
        Query(max_length=100, description="these checks alone, each reported; * is any text"),
    ] = None
    check_severity: Annotated[
        Severity,
        Query(alias="checkSeverity", description="ERROR: a check that warns closes nothing"),
    ] = Severity.WARN
    incidents: Annotated[bool, Query(description="no incident may be open")] = True
    severity: Annotated[
        IncidentSeverity, Query(description="incidents at least so severe count")
    ] = "info"
    kind: Annotated[
        list[Text] | None, Query(max_length=100, description="incidents of these kinds of rule")
    ] = None
    producer: Annotated[
        bool, Query(description="incidents of the job that updated it last count, too")
    ] = False
    policy: Annotated[bool, Query(description="its declared freshness, if any, holds")] = True
    fresh_within_s: Annotated[
        float | None,
        Query(alias="freshWithinS", gt=0, le=1e9, description="updated within so many seconds"),
    ] = None
    rows: Annotated[
        int | None, Query(ge=0, le=2**53, description="the latest update wrote at least so many")
    ] = None
    wait: Annotated[
        float,
        Query(ge=0, le=LONGEST_WAIT_S, description="seconds to wait for it to pass"),
    ] = 0
    strict: Annotated[
        bool, Query(description="409 unless it passes: curl --fail is a gate then")
    ] = False


async def spec_of(asked: Annotated[Asked, Depends()]) -> GateSpec:
    if asked.check and not asked.checks:
        raise BadInput("checks", False, "true where checks are named")  # noqa: FBT003
    names = tuple(asked.check or ())
    wanted = NoIncident(asked.severity, tuple(asked.kind or ()), asked.producer)
    return GateSpec(
        ChecksPassed(names, asked.check_severity) if asked.checks else None,
        wanted if asked.incidents else None,
        asked.policy,
        asked.fresh_within_s,
        asked.rows,
    )


Spec = Annotated[GateSpec, Depends(spec_of)]
Wanted = Annotated[Asked, Depends()]
NodeOrName = Annotated[
    str,
    AfterValidator(lambda text: storable(text.replace(SLASH, "/"))),
    Path(
        min_length=1,
        max_length=8192,
        description="dataset:<namespace>:<name> or <namespace>:<name>, percent-encoded",
    ),
]


@router.get("/gates/{dataset}", responses=answers(GateView))
async def get_gate(
    dataset: NodeOrName, request: Request, hub: Hub, eyes: Eyes, spec: Spec, asked: Wanted
) -> Response:
    """Whether a dataset is good to publish, and why. Waits for it to pass if `wait` says so."""
    return await _answer(request, hub, eyes, _readings(dataset), spec, asked)


@router.get("/namespaces/{namespace}/datasets/{dataset}/gate", responses=answers(GateView))
async def get_gate_of_dataset(
    namespace: Name,
    dataset: Name,
    request: Request,
    hub: Hub,
    eyes: Eyes,
    spec: Spec,
    asked: Wanted,
) -> Response:
    """The same, for the dataset by its namespace and name."""
    return await _answer(request, hub, eyes, [EntityName(namespace, dataset)], spec, asked)


def _readings(text: str) -> list[EntityName]:
    plain = text if text.startswith(f"{NodeType.DATASET}:") else f"{NodeType.DATASET}:{text}"
    return parse(plain).entities


async def _answer(
    request: Request,
    hub: RunningHub,
    eyes: Viewer,
    names: list[EntityName],
    spec: GateSpec,
    asked: Asked,
) -> Response:
    name, ask, found = await asyncio.to_thread(_look, hub, eyes, names, spec, asked)
    if asked.wait and not found.passed:
        with hub.metrics.gates_waiting.track_inprogress(), hung_up(request) as left:
            found = await wait_for_gate(hub.watch, ask, found, asked.wait, left)
    told = _WORDS[found.passed]
    hub.metrics.gate_answers.labels(told).inc()
    if asked.strict and not found.passed:
        raise Conflict(f"the gate of {dataset_id(name)} says {told}: {'; '.join(found.reasons)}")
    return answer(_view(name, asked.partition, found))


def _look(
    hub: RunningHub, eyes: Viewer, names: list[EntityName], spec: GateSpec, asked: Asked
) -> tuple[EntityName, Ask, GateAnswer]:
    with hub.db.reading() as connection:
        key = match_dataset(connection, eyes, names)
        if key is None:
            raise _unknown(connection, eyes, names)
        ask = Ask(key, asked.partition or "", spec, eyes)
        wanted = [(key, ask.partition, spec)]
        (found,) = gate_answers(connection, wanted, datetime.now(UTC), eyes)
        return name_of_dataset(connection, key), ask, found


def _unknown(connection: Connection, eyes: Viewer, names: list[EntityName]) -> NotFound:
    told = dataset_id(names[0])
    known = {dataset_id(name) for name in names_near(connection, eyes, names)}
    close = get_close_matches(told, sorted(known), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "no event has named it yet"
    return NotFound(f"Dataset '{told}' not found; {hint}")


def _view(name: EntityName, partition: str | None, found: GateAnswer) -> GateView:
    return GateView(
        name,
        partition,
        _WORDS[found.passed],
        found.passed,
        list(found.reasons),
        [GatePartView(part.name, part.passed, part.reason) for part in found.parts],
        found.again_at,
        datetime.now(UTC),
    )
