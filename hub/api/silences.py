"""Silences: what nobody is to hear of for a while. What is silenced is watched all the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.access import Principal, Scope
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Instant, Operator, Paged, Text
from hub.errors import BadInput, Forbidden
from hub.store import silences as store
from hub.store.cases import look_at_open
from hub.store.db import Connection

router: Final = APIRouter(prefix="/api/v1/silences", tags=["alerting"], responses=RESPONSES)

Number = Annotated[int, Path(ge=1, le=2**53)]


class Silences(Struct, rename="camel"):
    silences: list[store.SilenceView]
    next_cursor: str | None


class Asked(BaseModel):
    """match: team, owner, orchestrator, namespace, job, dataset, target, rule, kind, tag, severity;
    all that is told must be so, and * is any text. From now on, unless `startsAt` is later.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    match: dict[Text, Text] = Field(examples=[{"namespace": "airflow-prod", "job": "nightly_*"}])
    starts_at: Instant | None = Field(None, alias="startsAt")
    ends_at: Instant = Field(alias="endsAt")
    why: Text = Field("", max_length=1000)


@router.get("", responses=answers(Silences))
def list_silences(
    hub: Hub,
    eyes: Eyes,  # noqa: ARG001  may read
    page: Paged,
    over: Annotated[bool, Query(alias="all", description="also those that are over")] = False,  # noqa: FBT002
) -> Response:
    """Silences that hold or will, the one that ends last first; those of trackside.yaml (id 0)
    lead the first page.
    """
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        found = store.list_silences(connection, page, now, over=over)
    own = [] if page.after or page.offset else hub.teller.silences()
    kept = [store.view_of(one, now) for one in own if over or one.ends_at > now]
    return answer(Silences([*kept, *found.items], found.next))


@router.post("", status_code=201, responses=answers(store.SilenceView, 201))
def add_silence(asked: Asked, hub: Hub, by: Operator) -> Response:
    """Nobody hears of new incidents that match until it ends; what was told is still resolved."""
    match = hub.teller.check_match(asked.match)
    may_silence(by, match)

    def change(connection: Connection, now: datetime) -> store.SilenceView:
        starts_at = asked.starts_at or now
        if asked.ends_at <= max(now, starts_at):
            raise BadInput("endsAt", asked.ends_at.isoformat(), "a time after now and startsAt")
        made = store.add_silence(
            connection, match, starts_at, asked.ends_at, by.name, asked.why, now
        )
        look_at_open(connection, now)
        return store.view_of(made, now)

    told = ", ".join(f"{name}={value}" for name, value in match.items())
    return answer(edit(hub, by, "silence_added", told, change), 201)


@router.delete("/{silence}", responses=answers(store.SilenceView))
def end_silence(silence: Number, hub: Hub, by: Operator) -> Response:
    """Ends it now: what is still open is told. Of one that is over nothing changes."""

    def change(connection: Connection, now: datetime) -> store.SilenceView:
        ended = store.end_silence(connection, silence, now)
        may_silence(by, ended.match)
        look_at_open(connection, now)
        return store.view_of(ended, now)

    return answer(edit(hub, by, "silence_ended", str(silence), change))


def may_silence(by: Principal, match: object) -> None:
    """Returns for who may write everywhere, or silences only what is its team's or namespace's."""
    told = dict(match) if isinstance(match, dict) else {}
    team, space = told.get("team"), told.get("namespace")
    if team is not None and team in by.teams:
        return
    if space is not None and not set("*?[") & set(space):
        by.require_namespace(space)
        return
    if by.namespaces == ("*",) or by.has(Scope.ADMIN):
        return
    raise Forbidden(
        f"{by.name!r} may silence only what is its own: match a team it is of "
        f"({', '.join(sorted(by.teams)) or 'none'}), or one namespace that it may write"
    )
