"""Declaring orchestrators and trying their connections: for admins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from hub.access import Principal, Scope
from hub.api.access import require
from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.params import Hub
from hub.api.paths import Name
from hub.errors import NotFound
from hub.polls.declare import check_declaration, declare, take_back, try_connection
from hub.polls.fleet import Member, member_of
from hub.ports import Finding
from hub.store.declared import DeclaredOrchestrator
from hub.store.orchestrators import OrchestratorView, get_orchestrator

router: Final = APIRouter(
    prefix="/api/v1/orchestrators", tags=["orchestrators"], responses=RESPONSES
)
Admin = Annotated[Principal, Depends(require(Scope.ADMIN))]


class Declaration(BaseModel):
    """What an orchestrator is. `settings` are those of its kind; secrets are references."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(min_length=1, max_length=63, examples=["airflow"])
    namespaces: list[str] = Field([], examples=[["airflow-prod"]])
    team: str | None = None
    settings: dict[str, Any] = Field(
        {}, examples=[{"url": "https://airflow.example.com", "token": "env:AIRFLOW_TOKEN"}]
    )


class Check(Struct, rename="camel"):
    """What was found of a connection, and what makes the orchestrator push to the hub too."""

    findings: list[Finding]
    openlineage_setup: str


@router.put("/{orchestrator}", responses=answers(OrchestratorView))
def declare_orchestrator(orchestrator: Name, asked: Declaration, hub: Hub, by: Admin) -> Response:
    """Declares an orchestrator or changes its declaration; every replica follows in seconds."""
    now = datetime.now(UTC)
    one = _declared(orchestrator, asked, by.name, now)
    check_declaration(one, hub.settings)
    hub.writer.call(lambda connection: declare(connection, hub.fleet, one, now=now))
    hub.fleet.refresh()
    with hub.db.reading() as connection:
        return answer(get_orchestrator(connection, orchestrator))


@router.delete("/{orchestrator}", status_code=204)
def take_orchestrator_back(orchestrator: Name, hub: Hub, by: Admin) -> Response:
    """Asks it no longer; what was recorded of it stays."""
    now = datetime.now(UTC)
    hub.writer.call(
        lambda connection: take_back(connection, hub.fleet, orchestrator, actor=by.name, now=now)
    )
    hub.fleet.refresh()
    return Response(status_code=204)


@router.post("/{orchestrator}/check", responses=answers(Check))
def check_orchestrator(
    orchestrator: Name, request: Request, hub: Hub, by: Admin, asked: Declaration | None = None
) -> Response:
    """Tries its connection, as it is declared or as the body would declare it; changes nothing."""
    member = _member(hub, orchestrator)
    if asked is not None:
        one = _declared(orchestrator, asked, by.name, datetime.now(UTC))
        check_declaration(one, hub.settings)
        member = member_of(one)
    if member is None:
        raise NotFound(f"No orchestrator '{orchestrator}' is declared.")
    url = hub.settings.public_url or str(request.base_url).rstrip("/")
    findings, setup = try_connection(member, url, hub.settings.allowed_networks)
    return answer(Check(list(findings), setup))


def _member(hub: RunningHub, name: str) -> Member | None:
    hub.fleet.refresh()
    return hub.fleet.members.get(name)


def _declared(name: str, asked: Declaration, actor: str, now: datetime) -> DeclaredOrchestrator:
    return DeclaredOrchestrator(
        name=name,
        kind=asked.kind,
        namespaces=tuple(asked.namespaces),
        team=asked.team,
        settings=asked.settings,
        declared_by=actor,
        declared_at=now,
    )
