"""Heartbeats: jobs that tell of their runs by a URL; and the keys of slug URLs."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import uuid4

from fastapi import APIRouter, Path, Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from hub.access import Principal, digest_of
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.params import Eyes, Hub, Paged, Sender, Text
from hub.api.paths import LONGEST, NewName
from hub.errors import BadInput, Conflict
from hub.evaluate.heartbeats import BY_FILE
from hub.model import EntityName, Schedule
from hub.record.heartbeats import SLUG, schedule_of, slug_of
from hub.schedules.cron import is_cron
from hub.schedules.intervals import interval_of, interval_text
from hub.schedules.zones import zone_of
from hub.store import heartbeats as store
from hub.store.db import Connection
from hub.store.heartbeats import FILE, Heartbeat, Owner, Wanted

router: Final = APIRouter(prefix="/api/v1/heartbeats", tags=["heartbeats"], responses=RESPONSES)
keys: Final = APIRouter(prefix="/api/v1/ping-keys", tags=["heartbeats"], responses=RESPONSES)

Number = Annotated[int, Path(ge=1, le=2**53, alias="heartbeat")]
_YEAR_S: Final = 31_536_000
#: Of one that has no schedule any more: nobody waits for its runs.
_NONE: Final = Schedule("manual")


class When(BaseModel):
    """When a heartbeat's runs are expected: by a cron, or a period after the last; else by what the
    hub learns. graceS: so much later a run may begin and is not missed.
    """

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    slug: str | None = Field(None, min_length=1, max_length=100, pattern=SLUG)
    cron: Text | None = Field(None, max_length=200, examples=["30 3 * * *"])
    timezone: Text = Field("UTC", max_length=100, examples=["Europe/Zurich"])
    period_s: float | None = Field(None, ge=60, le=_YEAR_S)
    grace_s: float | None = Field(None, ge=0, le=_YEAR_S)

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if self.cron is not None and self.period_s is not None:
            raise ValueError("cron and periodS are two schedules; tell one of them")
        if self.grace_s is not None and self.cron is None and self.period_s is None:
            raise ValueError("graceS belongs to a schedule; tell cron or periodS, too")
        return self

    def schedule(self) -> Schedule | None:
        """Raises BadInput for a cron or a time zone that can't be read."""
        if self.cron is not None:
            if not is_cron(self.cron):
                raise BadInput("cron", self.cron, "a cron expression such as 30 6 * * MON-FRI")
            try:
                zone_of(self.timezone)
            except ValueError:
                expected = "an IANA name such as Europe/Zurich, or an offset such as +02:00"
                raise BadInput("timezone", self.timezone, expected) from None
            return Schedule("cron", self.cron, self.timezone, grace_s=self.grace_s)
        if self.period_s is not None:
            return Schedule("interval", interval_text(self.period_s), grace_s=self.grace_s)
        return None


class NewHeartbeat(When):
    """A heartbeat to be made: it is the job of that namespace and name."""

    namespace: Text = Field(min_length=1, max_length=LONGEST, examples=["cron-web1"])
    name: Text = Field(min_length=1, max_length=LONGEST, examples=["nightly backup"])


class NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    namespace: Text = Field(min_length=1, max_length=LONGEST, examples=["cron-web1"])


class HeartbeatView(Struct, rename="camel"):
    """A heartbeat. Its URL is shown when it is made or renewed, and never again. managedBy: the file
    that alone may change it.
    """

    id: int
    namespace: str
    name: str
    slug: str
    cron: str | None
    timezone: str | None
    period_s: float | None
    grace_s: float | None
    team: str | None
    created_by: str
    created_at: datetime
    last_ping_at: datetime | None
    managed_by: str | None


class NewHeartbeatView(HeartbeatView, rename="camel", kw_only=True):
    """url: who knows it may ping; shown this once."""

    url: str


class Heartbeats(Struct, rename="camel"):
    heartbeats: list[HeartbeatView]
    next_cursor: str | None


class PingKeyView(Struct, rename="camel"):
    namespace: str
    team: str | None
    created_by: str
    created_at: datetime


class NewPingKeyView(PingKeyView, rename="camel", kw_only=True):
    """key: who knows it may ping every heartbeat of the namespace; shown this once. url: with it
    and a slug.
    """

    key: str
    url: str


class PingKeys(Struct, rename="camel"):
    ping_keys: list[PingKeyView]


# -- heartbeats --------------------------------------------------------------------------------


@router.get("", responses=answers(Heartbeats))
def list_heartbeats(
    hub: Hub,
    eyes: Eyes,
    page: Paged,
    namespace: Annotated[Text | None, Query(max_length=LONGEST)] = None,
) -> Response:
    """Heartbeats in the order in which they were made."""
    with hub.db.reading() as connection:
        found = store.list_heartbeats(connection, eyes, page, namespace=namespace)
    return answer(Heartbeats([_view(one) for one in found.items], found.next))


@router.get("/{heartbeat}", responses=answers(HeartbeatView))
def get_heartbeat(heartbeat: Number, hub: Hub, eyes: Eyes) -> Response:
    with hub.db.reading() as connection:
        return answer(_view(store.get_heartbeat(connection, heartbeat, eyes)))


@router.post("", status_code=201, responses=answers(NewHeartbeatView, 201))
def add_heartbeat(asked: NewHeartbeat, request: Request, hub: Hub, by: Sender) -> Response:
    """Makes a heartbeat and shows its URL, this once. Whoever may send for the namespace may."""
    by.require_namespace(asked.namespace)
    job, uuid = EntityName(asked.namespace, asked.name), uuid4()
    slug = asked.slug or slug_of(asked.name)
    wanted = Wanted(job=job, slug=slug, digest=digest_of(str(uuid)), schedule=asked.schedule())

    def add(connection: Connection, now: datetime) -> Heartbeat:
        return store.add_heartbeat(connection, wanted, _owner(by), now)

    made = edit(hub, by, "heartbeat_added", f"heartbeat:{job.namespace}:{job.name}", add)
    if made.schedule is not None:
        _declare(hub, made, made.schedule)
    return _secret(_new_view(made, _url(hub, request, str(uuid))), 201)


@router.put("/{heartbeat}", responses=answers(HeartbeatView))
def change_heartbeat(heartbeat: Number, asked: When, hub: Hub, by: Sender) -> Response:
    """Another schedule, grace or slug; what is not told it has no more, except its slug."""
    schedule = asked.schedule()
    held = _changeable(hub, by, heartbeat)

    def change(connection: Connection, now: datetime) -> Heartbeat:
        slug = asked.slug or held.slug
        return store.change_heartbeat(connection, heartbeat, slug, schedule, now)

    changed = edit(hub, by, "heartbeat_changed", _subject(held), change)
    if changed.schedule != held.schedule:
        _declare(hub, changed, schedule or _NONE)
    return answer(_view(changed))


@router.post("/{heartbeat}/renew", responses=answers(NewHeartbeatView))
def renew_heartbeat(heartbeat: Number, request: Request, hub: Hub, by: Sender) -> Response:
    """Another URL, for one that was lost or got known; the one before no longer works."""
    held, uuid = _own(hub, by, heartbeat), uuid4()

    def renew(connection: Connection, _: datetime) -> Heartbeat:
        return store.renew_heartbeat(connection, heartbeat, digest_of(str(uuid)))

    renewed = edit(hub, by, "heartbeat_renewed", _subject(held), renew)
    return _secret(_new_view(renewed, _url(hub, request, str(uuid))), 200)


@router.delete("/{heartbeat}", status_code=204)
def remove_heartbeat(heartbeat: Number, hub: Hub, by: Sender) -> Response:
    """Its URL no longer works and its runs are no longer waited for; what was recorded stays."""
    held = _changeable(hub, by, heartbeat)

    def remove(connection: Connection, _: datetime) -> None:
        store.delete_heartbeat(connection, heartbeat)

    edit(hub, by, "heartbeat_removed", _subject(held), remove)
    if held.schedule is not None:
        _declare(hub, held, _NONE)
    return Response(status_code=204)


# -- the keys of slug URLs ---------------------------------------------------------------------


@keys.get("", responses=answers(PingKeys))
def list_ping_keys(hub: Hub, eyes: Eyes) -> Response:
    """The namespaces whose heartbeats can be pinged by slug. The keys themselves nobody sees."""
    with hub.db.reading() as connection:
        return answer(
            PingKeys(
                [
                    PingKeyView(one.namespace, one.owner.team, one.owner.by, one.created_at)
                    for one in store.list_ping_keys(connection, eyes)
                ]
            )
        )


@keys.post("", status_code=201, responses=answers(NewPingKeyView, 201))
def put_ping_key(asked: NewKey, request: Request, hub: Hub, by: Sender) -> Response:
    """Makes the key of a namespace and shows it, this once; one before it no longer works."""
    by.require_namespace(asked.namespace)
    key = secrets.token_urlsafe(24)

    def put(connection: Connection, now: datetime) -> store.PingKey:
        return store.put_ping_key(connection, asked.namespace, digest_of(key), _owner(by), now)

    made = edit(hub, by, "ping_key_made", f"namespace:{asked.namespace}", put)
    url = _url(hub, request, f"{key}/<slug>")
    view = NewPingKeyView(
        made.namespace, made.owner.team, made.owner.by, made.created_at, key=key, url=url
    )
    return _secret(view, 201)


@keys.delete("/{namespace}", status_code=204)
def remove_ping_key(namespace: NewName, hub: Hub, by: Sender) -> Response:
    """Slug URLs of the namespace no longer work; those with a uuid do."""
    by.require_namespace(namespace)

    def remove(connection: Connection, _: datetime) -> None:
        store.delete_ping_key(connection, namespace)

    edit(hub, by, "ping_key_removed", f"namespace:{namespace}", remove)
    return Response(status_code=204)


# -- parts -------------------------------------------------------------------------------------


def _own(hub: RunningHub, by: Principal, number: int) -> Heartbeat:
    with hub.db.reading() as connection:
        held = store.get_heartbeat(connection, number)
    by.require_namespace(held.job.namespace)
    return held


def _changeable(hub: RunningHub, by: Principal, number: int) -> Heartbeat:
    """Raises Conflict for one of the file; its URL may be renewed nevertheless."""
    held = _own(hub, by, number)
    if held.origin == FILE:
        raise Conflict(f"the heartbeat {held.job.name!r} is managed by {BY_FILE}; change it there")
    return held


def _owner(by: Principal) -> Owner:
    team = min(by.teams) if len(by.teams) == 1 else None
    return Owner(by.name, team, by.orchestrator)


def _declare(hub: RunningHub, one: Heartbeat, schedule: Schedule) -> None:
    """Its job's schedule; a period counts from now until the first ping."""
    hub.writer.record([schedule_of(one, schedule, one.anchor, hub.intake.now())])


def _subject(one: Heartbeat) -> str:
    return f"heartbeat:{one.job.namespace}:{one.job.name}"


def _url(hub: RunningHub, request: Request, behind: str) -> str:
    base = hub.settings.public_url or str(request.base_url)
    return f"{base.rstrip('/')}/ping/{behind}"


def _secret(value: object, status: int) -> Response:
    told = answer(value, status)
    told.headers["Cache-Control"] = "no-store"
    return told


def _view(one: Heartbeat) -> HeartbeatView:
    return HeartbeatView(**_told(one))


def _new_view(one: Heartbeat, url: str) -> NewHeartbeatView:
    return NewHeartbeatView(**_told(one), url=url)


def _told(one: Heartbeat) -> dict[str, Any]:
    held = one.schedule
    cron = held if held is not None and held.kind == "cron" else None
    period = held if held is not None and held.kind == "interval" else None
    return {
        "id": one.id,
        "namespace": one.job.namespace,
        "name": one.job.name,
        "slug": one.slug,
        "cron": cron and cron.expression,
        "timezone": cron and cron.timezone,
        "period_s": period and interval_of(period.expression).total_seconds(),
        "grace_s": held and held.grace_s,
        "team": one.owner.team,
        "created_by": one.owner.by,
        "created_at": one.created_at,
        "last_ping_at": one.pinged_at,
        "managed_by": BY_FILE if one.origin == FILE else None,
    }
