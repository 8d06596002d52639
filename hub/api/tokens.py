"""Tokens, teams and the audit log, for admins; and who one is, for everybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from hub import tokens
from hub.access import Kind, Principal, Scope
from hub.api.access import principal_of, require
from hub.api.edits import change_tokens_by
from hub.api.errors import RESPONSES
from hub.errors import Conflict, Unauthorized
from hub.store import access
from hub.store.reading import Page

T = TypeVar("T")

router: Final = APIRouter(prefix="/api/v1", tags=["access"], responses=RESPONSES)

Admin = Annotated[Principal, Depends(require(Scope.ADMIN))]
FOR_ADMINS: Final = [Depends(require(Scope.ADMIN))]
FOR_READERS: Final = [Depends(require(Scope.READ))]
LARGEST_ID: Final = 2**53  # what JSON numbers hold exactly


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, from_attributes=True, extra="forbid"
    )


class TokenRequest(_Model):
    """What a token is to be. `namespaces` are globs it may write; `*` is all."""

    name: str = Field(examples=["airflow-prod"])
    scopes: list[str] = Field(examples=[["ingest"]], max_length=10)
    team: str | None = None
    orchestrator: str | None = Field(None, description="what it sends belongs to this one")
    namespaces: list[str] = Field([], examples=[["sales-*"]])
    expires_at: AwareDatetime | None = None


class TokenModel(_Model):
    """A token, without its text."""

    id: int
    name: str
    scopes: list[str]
    team: str | None
    orchestrator: str | None
    namespaces: list[str]
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class IssuedModel(TokenModel):
    """A new token; `token` is its text and is never shown again."""

    token: str


class TokensModel(_Model):
    tokens: list[TokenModel]


class TeamRequest(_Model):
    private: bool = Field(description="only its members see what it owns")


class TeamModel(_Model):
    name: str
    private: bool
    created_at: datetime


class TeamsModel(_Model):
    teams: list[TeamModel]


class ActionModel(_Model):
    """Who did what to what."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Any


class AuditModel(_Model):
    actions: list[ActionModel]
    next_cursor: str | None


class WhoAmI(_Model):
    name: str
    kind: str
    scopes: list[str]
    teams: list[str]
    orchestrator: str | None
    namespaces: list[str]


@router.post("/tokens", status_code=201)
def create_token(
    asked: TokenRequest, request: Request, response: Response, by: Admin
) -> IssuedModel:
    """Makes a token and shows its text, this once."""
    wanted = msgspec.convert(asked.model_dump(), access.NewToken)
    issued = _write(request, lambda c, now: tokens.issue(c, wanted, actor=by.name, now=now))
    response.headers["Cache-Control"] = "no-store"
    return IssuedModel(**msgspec.structs.asdict(issued.token), token=issued.text)


@router.get("/tokens", dependencies=FOR_ADMINS)
def list_tokens(request: Request) -> TokensModel:
    """All tokens, revoked ones too, the newest first."""
    with request.app.state.hub.db.reading() as connection:
        return TokensModel(tokens=[_shown(each) for each in access.list_tokens(connection)])


@router.delete("/tokens/{token_id}")
def revoke_token(
    token_id: Annotated[int, Path(ge=1, le=LARGEST_ID)], request: Request, by: Admin
) -> TokenModel:
    """Revokes a token for good: here at once, on other replicas within five seconds."""
    return _shown(
        _write(request, lambda c, now: tokens.revoke(c, token_id, actor=by.name, now=now))
    )


@router.get("/teams", dependencies=FOR_READERS)
def list_teams(request: Request) -> TeamsModel:
    with request.app.state.hub.db.reading() as connection:
        teams = access.list_teams(connection)
    return TeamsModel(teams=[TeamModel.model_validate(each) for each in teams])


@router.put("/teams/{name}")
def put_team(name: str, asked: TeamRequest, request: Request, by: Admin) -> TeamModel:
    """Makes a team, or changes whether others see what it owns."""
    _refuse_managed(request, name)
    team = _write(
        request,
        lambda c, now: tokens.set_private(c, name, private=asked.private, actor=by.name, now=now),
    )
    return TeamModel.model_validate(team)


@router.get("/audit", dependencies=FOR_ADMINS)
def list_audit(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str | None = None,
) -> AuditModel:
    """What people did, the latest first; `cursor` is the `nextCursor` of an earlier answer."""
    with request.app.state.hub.db.reading() as connection:
        found = access.list_actions(connection, Page(limit=limit, after=cursor))
    actions = [ActionModel.model_validate(each) for each in found.items]
    return AuditModel(actions=actions, next_cursor=found.next)


@router.get("/whoami")
def whoami(request: Request) -> WhoAmI:
    """Who the hub takes the sender of this request for, and what was granted to them."""
    who = principal_of(request)
    if who.kind is Kind.ANONYMOUS and who.refusal:
        raise Unauthorized(who.refusal)
    return WhoAmI(
        name=who.name,
        kind=who.kind.value,
        scopes=sorted(who.scopes),
        teams=sorted(who.teams),
        orchestrator=who.orchestrator,
        namespaces=list(who.namespaces),
    )


def _write(request: Request, change: Callable[[Any, datetime], T]) -> T:
    """Does a change in one transaction; afterwards no cached principal is believed."""
    now = datetime.now(UTC)
    return change_tokens_by(request.app.state.hub, lambda connection: change(connection, now))


def _refuse_managed(request: Request, name: str) -> None:
    if any(team.name == name for team in request.app.state.hub.settings.teams):
        raise Conflict(f"the team {name!r} is managed by trackside.yaml; change it there")


def _shown(token: access.Token) -> TokenModel:
    return TokenModel.model_validate(token)
