"""Targets, routes and what teams hear by, declared over the API."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.access import Principal, Scope
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.params import Hub, Operator
from hub.api.paths import Name
from hub.errors import BadInput, Forbidden
from hub.ports import AlertingPart, DeclaredPart, PartTold
from hub.store import declared_alerting as store
from hub.store.db import Connection

router: Final = APIRouter(prefix="/api/v1/alerting", tags=["alerting"], responses=RESPONSES)

MOST: Final = 2000
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class Parts(Struct, rename="camel"):
    """problem: why what was declared over the API is not in force; null: it is."""

    parts: list[PartTold]
    problem: str | None


class Told(BaseModel):
    """A part as it would stand in trackside.yaml, less its name; secrets are references."""

    model_config = ConfigDict(extra="forbid")

    told: dict[str, Any] = Field(
        examples=[{"kind": "slack", "team": "sales", "settings": {"token": "env:SALES_SLACK"}}]
    )
    place: int = Field(0, ge=0, le=100_000, description="of routes: the smaller, the earlier")


@router.get("/parts", responses=answers(Parts))
def list_parts(
    hub: Hub,
    by: Operator,
    part: Annotated[AlertingPart | None, Query(description="only of this kind")] = None,
) -> Response:
    """Targets, routes and what teams hear by, with their settings: those of trackside.yaml
    (`managedBy`), which lead and can't be changed here, and those declared over the API. Who is no
    admin sees what is its team's.
    """
    found = [one for one in hub.teller.parts() if part is None or one.part is part]
    seen = [one for one in found if by.has(Scope.ADMIN) or _team_of(one.part, one) in by.teams]
    return answer(Parts(seen, hub.teller.problem()))


@router.put("/parts/{part}/{name}", responses=answers(PartTold))
def declare_part(part: AlertingPart, name: Name, asked: Told, hub: Hub, by: Operator) -> Response:
    """Declares a target, a route, or what a team hears by, or changes it. All that is declared is
    checked together before it is taken; every replica follows within seconds. A team's own members
    may declare its targets and what it hears by; all else is for admins.
    """
    if not _NAME.fullmatch(name):
        raise BadInput("name", name, "small letters, digits, '.', '_' and '-', at most 63")

    def change(connection: Connection, now: datetime) -> PartTold:
        one = DeclaredPart(
            part=part,
            name=name,
            place=asked.place,
            told={key: value for key, value in asked.told.items() if key != "name"},
            declared_by=by.name,
            declared_at=now,
        )
        others = _others(connection, by, part, name)
        _may_declare(by, part, one)
        hub.teller.check_parts([*others, one])
        store.put_part(connection, one)
        return PartTold(
            part=part,
            name=name,
            place=one.place,
            told=one.told,
            managed_by=None,
            declared_by=by.name,
            declared_at=now,
        )

    made = edit(hub, by, f"{part.one}_declared", f"{part.one}:{name}", change)
    hub.teller.refresh()
    return answer(made)


@router.delete("/parts/{part}/{name}", status_code=204)
def drop_part(part: AlertingPart, name: Name, hub: Hub, by: Operator) -> Response:
    """Takes it back, unless something that stays names it; what was told to a target that is gone
    is given up.
    """

    def change(connection: Connection, _: datetime) -> None:
        others = _others(connection, by, part, name)
        store.drop_part(connection, part, name)
        hub.teller.check_parts(others)

    edit(hub, by, f"{part.one}_taken_back", f"{part.one}:{name}", change)
    hub.teller.refresh()
    return Response(status_code=204)


def _others(
    connection: Connection, by: Principal, part: AlertingPart, name: str
) -> list[DeclaredPart]:
    """All but the one of this name, which the principal must be allowed to change; nobody else
    changes any until this transaction ends.
    """
    store.one_at_a_time(connection)
    parts = store.list_parts(connection)
    if len(parts) > MOST:
        raise BadInput("name", name, f"at most {MOST} parts that are declared over the API")
    for one in parts:
        if (one.part, one.name) == (part, name):
            _may_declare(by, part, one)
    return [one for one in parts if (one.part, one.name) != (part, name)]


def _may_declare(by: Principal, part: AlertingPart, one: DeclaredPart) -> None:
    """Returns for an admin, and for a team that declares what is its own."""
    team = _team_of(part, one)
    if by.has(Scope.ADMIN) or (team is not None and team in by.teams):
        return
    own = ", ".join(sorted(by.teams)) or "none"
    raise Forbidden(
        f"{by.name!r} may declare only targets with its own team, and what that hears by (teams: "
        f"{own}); all else needs the scope 'admin'"
    )


def _team_of(part: AlertingPart, one: DeclaredPart | PartTold) -> str | None:
    if part is AlertingPart.TEAMS:
        return one.name
    team = one.told.get("team") if part is AlertingPart.TARGETS else None
    return team if isinstance(team, str) else None
