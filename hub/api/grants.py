"""Who may launch which jobs of others, and with which keys of a conf."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.access import Principal, Scope
from hub.api.access import require
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Text
from hub.errors import BadInput
from hub.store import grants as store
from hub.store.db import Connection
from hub.store.grants import GrantView

router: Final = APIRouter(prefix="/api/v1/grants", tags=["launches"], responses=RESPONSES)

Number = Annotated[int, Path(ge=1, le=2**53)]
Admin = Annotated[Principal, Depends(require(Scope.ADMIN))]
Pattern = Annotated[Text, Field(min_length=1, max_length=512)]


class Grants(Struct, rename="camel"):
    """Those of trackside.yaml (id 0) first, then by team and job."""

    grants: list[GrantView]


class Granted(BaseModel):
    """team: who may launch. orchestrator, namespace, job: which jobs; * is any text. conf: the keys
    that a conf may have; none if none is told.
    """

    model_config = ConfigDict(extra="forbid")

    team: Pattern
    orchestrator: Pattern = "*"
    namespace: Pattern = "*"
    job: Pattern = Field(examples=["mart_*"])
    conf: list[Pattern] = Field([], max_length=100)


@router.get("", responses=answers(Grants))
def list_grants(hub: Hub, eyes: Eyes) -> Response:  # noqa: ARG001  may read
    """Which teams may launch which jobs that are not their own."""
    declared = [
        GrantView(0, one.team, one.orchestrator, one.namespace, one.job, list(one.conf), None, None)
        for one in hub.grants.declared
    ]
    with hub.db.reading() as connection:
        return answer(Grants([*declared, *store.list_grants(connection)]))


@router.post("", status_code=201, responses=answers(GrantView, 201))
def add_grant(asked: Granted, hub: Hub, by: Admin) -> Response:
    """Lets a team launch jobs from now on. Made once more, it is the one that there is."""
    known = sorted(team.name for team in hub.settings.teams)
    if known and asked.team not in known:
        raise BadInput("team", asked.team, f"one of {', '.join(known)}")
    told = GrantView(
        0, asked.team, asked.orchestrator, asked.namespace, asked.job, asked.conf, None, None
    )

    def change(connection: Connection, now: datetime) -> GrantView:
        return store.add_grant(connection, told, by.name, now)

    return answer(edit(hub, by, "grant_added", _told(told), change), 201)


@router.delete("/{grant}", responses=answers(GrantView))
def remove_grant(grant: Number, hub: Hub, by: Admin) -> Response:
    """Takes a grant back: what is not launched yet is judged without it."""

    def change(connection: Connection, now: datetime) -> GrantView:
        del now
        return store.remove_grant(connection, grant)

    return answer(edit(hub, by, "grant_removed", f"grant:{grant}", change))


def _told(one: GrantView) -> str:
    return f"{one.team}: {one.orchestrator}/{one.namespace}/{one.job}"
