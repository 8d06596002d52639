"""Tokens, teams and the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, RowMapping, func, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from hub.errors import Conflict, NotFound
from hub.store.reading import Page, Slice, cut, newest_first
from hub.store.tables import audit, team, token

#: How stale `last_used_at` may get before it is written again.
LAST_USED_EVERY = timedelta(minutes=1)

# These rows are rare: an id is taken in the transaction that uses it, not from a writer's block.
_NEXT_ID = text(
    "INSERT INTO id_block (name, next) VALUES (:name, 2) "
    "ON CONFLICT (name) DO UPDATE SET next = id_block.next + 1 RETURNING next - 1"
)
_NEXT_IDS = text(
    "INSERT INTO id_block (name, next) VALUES (:name, 1 + :count) "
    "ON CONFLICT (name) DO UPDATE SET next = id_block.next + :count RETURNING next"
)


class NewToken(Struct, frozen=True):
    """What a token is to be; `namespaces` are globs it may write, none of them: it writes none."""

    name: str
    scopes: tuple[str, ...]
    team: str | None = None
    orchestrator: str | None = None
    namespaces: tuple[str, ...] = ()
    expires_at: datetime | None = None


class Token(Struct, frozen=True):
    """A token as the store knows it: everything but the token itself."""

    id: int
    name: str
    scopes: tuple[str, ...]
    team: str | None
    orchestrator: str | None
    namespaces: tuple[str, ...]
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class Team(Struct, frozen=True):
    """A team; only its members see what a private one owns."""

    name: str
    private: bool
    created_at: datetime


class Action(Struct, frozen=True):
    """One human action: who did what to what. `detail` is any JSON value."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Any = None


# -- tokens ------------------------------------------------------------------------------------


def create_token(
    connection: Connection, wanted: NewToken, digest: bytes, *, actor: str, now: datetime
) -> Token:
    """Stores a token by its digest, and its team if that is new.

    Raises Conflict if a live token has the name.
    """
    if _live_token_named(connection, wanted.name, now):
        raise Conflict(f"there is a token {wanted.name!r} already; revoke it or take another name")
    if wanted.team:
        ensure_team(connection, wanted.team, now=now)
    created = Token(
        id=next_id(connection, "token"),
        created_by=actor,
        created_at=now,
        revoked_at=None,
        last_used_at=None,
        **msgspec.structs.asdict(wanted),
    )
    lists = {name: _json(getattr(created, name)) for name in ("scopes", "namespaces")}
    row = msgspec.structs.asdict(created) | lists | {"digest": digest}
    connection.execute(insert(token).values(row))
    return created


def create_first_token(
    connection: Connection, wanted: NewToken, digest: bytes, *, actor: str, now: datetime
) -> Token | None:
    """The same, if there never was any."""
    # Who makes one at the same time waits for this number, and then sees that it is the second.
    next_id(connection, "token")
    if has_tokens(connection):
        return None
    return create_token(connection, wanted, digest, actor=actor, now=now)


def find_token(connection: Connection, digest: bytes) -> Token | None:
    """The token of that digest, whether or not it still holds."""
    rows = connection.execute(select(token).where(token.c.digest == digest)).mappings()
    return next((_token(row) for row in rows), None)


def list_tokens(connection: Connection) -> list[Token]:
    """All of them, the newest first."""
    rows = connection.execute(select(token).order_by(token.c.id.desc())).mappings()
    return [_token(row) for row in rows]


def revoke_token(connection: Connection, token_id: int, *, now: datetime) -> Token:
    """Revokes for good; again is a no-op. Raises NotFound."""
    connection.execute(
        update(token)
        .where(token.c.id == token_id, token.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    rows = connection.execute(select(token).where(token.c.id == token_id)).mappings()
    for row in rows:
        return _token(row)
    raise NotFound(f"there is no token with the id {token_id}")


def has_tokens(connection: Connection) -> bool:
    """Whether there ever was one: a hub whose last token lapsed must not fall open."""
    return connection.execute(select(token.c.id).limit(1)).first() is not None


def count_tokens(connection: Connection) -> int:
    """How many there ever were, see `has_tokens`."""
    return connection.execute(select(func.count()).select_from(token)).scalar_one()


def touch_tokens(connection: Connection, used: Mapping[int, datetime]) -> None:
    """Notes when tokens (by id) were last used; what is younger stays."""
    for token_id, at in sorted(used.items()):
        older = or_(token.c.last_used_at.is_(None), token.c.last_used_at < at)
        connection.execute(
            update(token).where(token.c.id == token_id, older).values(last_used_at=at)
        )


def _live_token_named(connection: Connection, name: str, now: datetime) -> bool:
    live = (
        token.c.revoked_at.is_(None),
        or_(token.c.expires_at.is_(None), token.c.expires_at > now),
    )
    query = select(token.c.id).where(token.c.name == name, *live).limit(1)
    return connection.execute(query).first() is not None


def _token(row: RowMapping) -> Token:
    values = {name: row[name] for name in Token.__struct_fields__}
    for name in ("scopes", "namespaces"):
        values[name] = tuple(msgspec.json.decode(row[name], type=list[str]))
    return Token(**values)


# -- teams -------------------------------------------------------------------------------------


def ensure_team(connection: Connection, name: str, *, now: datetime) -> None:
    """Makes the team if it is new; leaves it as it is otherwise."""
    values = {"name": name, "private": False, "created_at": now}
    connection.execute(_upsert(connection).values(values).on_conflict_do_nothing())


def put_team(connection: Connection, name: str, *, private: bool, now: datetime) -> Team:
    """Makes the team, or changes who sees it."""
    values = {"name": name, "private": private, "created_at": now}
    connection.execute(
        _upsert(connection)
        .values(values)
        .on_conflict_do_update(index_elements=["name"], set_={"private": private})
    )
    row = connection.execute(select(team).where(team.c.name == name)).mappings().one()
    return Team(**row)


def list_teams(connection: Connection) -> list[Team]:
    rows = connection.execute(select(team).order_by(team.c.name)).mappings()
    return [Team(**row) for row in rows]


# -- the audit log -----------------------------------------------------------------------------


def record_action(
    connection: Connection,
    actor: str,
    action: str,
    subject: str,
    *,
    now: datetime,
    detail: Any = None,
) -> None:
    """Notes a human action, in the transaction that does it. `action` is like `token_created`."""
    connection.execute(
        insert(audit).values(
            id=next_id(connection, "audit"),
            at=now,
            actor=actor,
            action=action,
            subject=subject,
            detail=None if detail is None else _json(detail),
        )
    )


def list_actions(connection: Connection, page: Page) -> Slice[Action]:
    """The latest actions first."""
    query = newest_first(select(audit), page, audit.c.at, audit.c.id)
    found = connection.execute(query).mappings().all()
    rows, following = cut(found, page, lambda row: (row["at"], row["id"]))
    return Slice([_action(row) for row in rows], following)


def _action(row: RowMapping) -> Action:
    detail = None if row["detail"] is None else msgspec.json.decode(row["detail"])
    return Action(**dict(row) | {"detail": detail})


# -- shared ------------------------------------------------------------------------------------


def next_id(connection: Connection, name: str) -> int:
    return int(connection.execute(_NEXT_ID, {"name": name}).scalar_one())


def next_ids(connection: Connection, name: str, count: int) -> range:
    """As many ids in a row."""
    given = {"name": name, "count": count}
    end = int(connection.execute(_NEXT_IDS, given).scalar_one())
    return range(end - count, end)


def _upsert(connection: Connection) -> Any:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(team)


def _json(value: Any) -> str:
    if isinstance(value, Iterable) and not isinstance(value, Mapping | str):
        value = list(value)
    return msgspec.json.encode(value).decode()
