"""Launches: what is to be started where, what became of it, and what holds it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.responses import Response

from hub.access import Principal, Scope
from hub.api.access import require
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.launch_rights import launching_team
from hub.api.params import Eyes, Hub, Instant, Operator, Paged, Text
from hub.errors import BadInput, Conflict, NotFound
from hub.model import EntityName, Viewer
from hub.ports import LaunchKind, NewLaunch, askable
from hub.store import launch_stops as stops
from hub.store import launch_views as store
from hub.store.db import Connection
from hub.store.launches import State, ask

router: Final = APIRouter(prefix="/api/v1/launches", tags=["launches"], responses=RESPONSES)

Number = Annotated[int, Path(ge=1, le=2**53)]
Launcher = Annotated[Principal, Depends(require(Scope.TRIGGER))]
_ALL: Final = Viewer(all=True)
#: Launches that are released at once.
_MOST: Final = 1000


class Launches(Struct, rename="camel"):
    launches: list[store.LaunchView]
    next_cursor: str | None


class Stops(Struct):
    """orchestrator "": the launches of all."""

    stops: list[stops.Stop]


class Released(Struct):
    """How many go out now."""

    launches: int


class JobNamed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    namespace: Text = Field(min_length=1, max_length=512)
    name: Text = Field(min_length=1, max_length=512)


class Asked(BaseModel):
    """key: of your own; asked again with the same key, it is the same launch."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    key: Text | None = Field(None, min_length=1, max_length=200)
    orchestrator: Text = Field(min_length=1, max_length=63)
    job: JobNamed
    partition: Text | None = Field(None, max_length=512)
    conf: dict[Text, Any] = Field({}, examples=[{"day": "2026-11-30"}])
    note: Text = Field("", max_length=1000)
    kind: LaunchKind = LaunchKind.JOB
    not_before: Instant | None = Field(None, alias="notBefore")
    give_up_at: Instant | None = Field(None, alias="giveUpAt")

    @field_validator("kind")
    @classmethod
    def _askable(cls, kind: LaunchKind) -> LaunchKind:
        return askable(kind)


class Stopped(BaseModel):
    """orchestrator: whose launches; not told: those of all."""

    model_config = ConfigDict(extra="forbid")

    orchestrator: Text | None = Field(None, min_length=1, max_length=63)
    why: Text = Field("", max_length=1000)


@router.get("", responses=answers(Launches))
def list_launches(
    hub: Hub,
    eyes: Eyes,
    page: Paged,
    state: State | None = None,
    orchestrator: Annotated[Text | None, Query(max_length=63)] = None,
    namespace: Annotated[Text | None, Query(max_length=512, description="of its job")] = None,
    job: Annotated[Text | None, Query(max_length=512, description="needs namespace")] = None,
    subscription: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    partition: Annotated[Text | None, Query(max_length=512)] = None,
    key: Annotated[Text | None, Query(max_length=64)] = None,
) -> Response:
    """Launches, the latest first."""
    if (namespace is None) != (job is None):
        raise BadInput("job", job, "job and namespace together")
    name = EntityName(namespace, job) if namespace and job else None
    wanted = store.Wanted(state, orchestrator, name, subscription, partition, key)
    with hub.db.reading() as connection:
        found = store.list_launches(connection, eyes, wanted, page, datetime.now(UTC))
    return answer(Launches(found.items, found.next))


@router.get("/stops", responses=answers(Stops))
def list_stops(hub: Hub, eyes: Eyes) -> Response:  # noqa: ARG001  may read
    """Which launches are stopped, by whom and why."""
    with hub.db.reading() as connection:
        return answer(Stops(stops.list_stops(connection)))


@router.get("/{launch}", responses=answers(store.LaunchDetail))
def get_launch(launch: Number, hub: Hub, eyes: Eyes) -> Response:
    """A launch, and what was done about it step by step."""
    with hub.db.reading() as connection:
        return answer(store.get_launch(connection, eyes, launch, datetime.now(UTC)))


@router.post("", status_code=201, responses=answers(store.LaunchDetail, 201))
def add_launch(asked: Asked, hub: Hub, by: Launcher) -> Response:
    """Starts one run of a job, as soon as nothing holds it."""
    return answer(ask_for(hub, by, asked), 201)


def ask_for(hub: RunningHub, by: Principal, asked: Asked) -> store.LaunchDetail:
    """The launch that is made, or was made under the same key before."""
    job = EntityName(asked.job.namespace, asked.job.name)
    if asked.orchestrator not in hub.fleet.members:
        raise NotFound(f"No orchestrator '{asked.orchestrator}' is declared.")

    def change(connection: Connection, now: datetime) -> store.LaunchDetail:
        team = launching_team(hub, connection, by, asked.orchestrator, job, asked.conf)
        wanted = _new(asked, job, team, by.name, now)
        (number,) = ask(connection, [wanted], now)
        made = store.get_launch(connection, _ALL, number, now)
        if _differs(made.launch, wanted):
            raise Conflict(f"the key {asked.key!r} stands for another launch: {number}")
        return made

    return edit(hub, by, "launch_asked", f"{asked.orchestrator}:{job.name}", change)


def _new(asked: Asked, job: EntityName, team: str | None, by: str, now: datetime) -> NewLaunch:
    if asked.give_up_at is not None and asked.give_up_at <= now:
        raise BadInput("giveUpAt", asked.give_up_at.isoformat(), "a time to come")
    told = repr((by, asked.orchestrator, asked.key)) if asked.key else secrets.token_hex(32)
    return NewLaunch(
        key="manual-" + sha256(told.encode()).hexdigest()[:40],
        orchestrator=asked.orchestrator,
        job=job,
        partition=asked.partition,
        conf=asked.conf,
        note=asked.note,
        kind=asked.kind,
        team=team,
        asked_by=by,
        not_before=asked.not_before,
        give_up_at=asked.give_up_at,
    )


def _differs(made: store.LaunchView, wanted: NewLaunch) -> bool:
    there = (made.job, made.partition, made.conf, made.kind)
    return there != (wanted.job, wanted.partition, wanted.conf, wanted.kind)


# -- what people do ----------------------------------------------------------------------------


@router.post("/{launch}/resend", responses=answers(store.LaunchDetail))
def resend_launch(launch: Number, hub: Hub, by: Launcher) -> Response:
    """Asks once more for one that was given up, refused, cancelled or has vanished."""
    return _done(hub, by, launch, "launch_resent", store.resend)


@router.post("/{launch}/cancel", responses=answers(store.LaunchDetail))
def cancel_launch(launch: Number, hub: Hub, by: Launcher) -> Response:
    """It is not launched; one that was taken is its orchestrator's to end."""
    return _done(hub, by, launch, "launch_cancelled", store.cancel)


@router.post("/{launch}/release", responses=answers(store.LaunchDetail))
def release_launch(launch: Number, hub: Hub, by: Launcher) -> Response:
    """Lets one go that is held, also by the breaker; the stop switch holds it all the same."""
    return _done(hub, by, launch, "launch_released", store.release)


def _done(
    hub: RunningHub,
    by: Principal,
    launch: int,
    action: str,
    do: Callable[[Connection, int, str, datetime], None],
) -> Response:
    def change(connection: Connection, now: datetime) -> store.LaunchDetail:
        held = store.get_launch(connection, _ALL, launch, now).launch
        launching_team(hub, connection, by, held.orchestrator, held.job, held.conf)
        do(connection, launch, by.name, now)
        return store.get_launch(connection, _ALL, launch, now)

    return answer(edit(hub, by, action, f"launch:{launch}", change))


@router.post("/stop", responses=answers(Stops))
def stop_launches(asked: Stopped, hub: Hub, by: Operator) -> Response:
    """Holds all launches, or those of one orchestrator; none is lost."""
    name = asked.orchestrator or stops.ALL

    def change(connection: Connection, now: datetime) -> Stops:
        stops.stop(connection, name, by.name, asked.why, now)
        return Stops(stops.list_stops(connection))

    return answer(edit(hub, by, "launches_stopped", name or "all", change))


@router.post("/go", responses=answers(Stops))
def let_launches_go(asked: Stopped, hub: Hub, by: Operator) -> Response:
    """Takes a stop back. What was due meanwhile goes out now."""
    name = asked.orchestrator or stops.ALL

    def change(connection: Connection, _: datetime) -> Stops:
        stops.go(connection, name)
        return Stops(stops.list_stops(connection))

    return answer(edit(hub, by, "launches_let_go", name or "all", change))


@router.post("/release", responses=answers(Released))
def release_launches(asked: Stopped, hub: Hub, by: Operator) -> Response:
    """Lets at most 1,000 go that are held each by itself, of all or of one orchestrator."""

    def change(connection: Connection, now: datetime) -> Released:
        held = store.held_of(connection, asked.orchestrator, _MOST)
        for key in held:
            store.release(connection, key, by.name, now)
        return Released(len(held))

    return answer(edit(hub, by, "launches_released", asked.orchestrator or "all", change))
