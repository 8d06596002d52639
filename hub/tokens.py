"""Makes and revokes tokens and changes teams, each with its line in the audit log.

Used over HTTP and by the command line; `actor` is the name that the audit log tells.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from hub.access import SCOPES, Scope, digest_of, is_token, new_token
from hub.errors import BadInput, ConfigError
from hub.store import access
from hub.store.access import NewToken, Team, Token

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_NAME_RULE: Final = "letters, digits, '.', '_' and '-', at most 63, a letter or digit first"
_MOST_GLOBS: Final = 100
_LONGEST_GLOB: Final = 255
#: What the token is called that a setting names.
FIRST: Final = "first"
#: Scopes that write, and hence need to know where.
_WRITING: Final = frozenset({Scope.INGEST, Scope.OPERATE})


class Issued(Struct, frozen=True):
    """A new token and its text, which is nowhere else: show it now."""

    token: Token
    text: str

    def __repr__(self) -> str:
        return f"Issued({self.token.name!r}, ***)"


def issue(connection: Any, wanted: NewToken, *, actor: str, now: datetime) -> Issued:
    """Makes a token. Raises BadInput for what makes no sense, Conflict for a name in use."""
    check(wanted, now)
    text = new_token()
    made = access.create_token(connection, wanted, digest_of(text), actor=actor, now=now)
    _note_made(connection, made, actor, now)
    return Issued(made, text)


def begin(connection: Any, text: str, *, reference: str, now: datetime) -> bool:
    """Makes an admin's token of this text if there never was a token; whether it has.

    One that was made so and revoked does not come back. Raises ConfigError if it is no token.
    """
    if not is_token(text):
        raise ConfigError(
            f"first_token: what {reference} holds is no token: tsk_ and 43 letters and digits "
            "are expected, drawn at random"
        )
    wanted = NewToken(FIRST, (Scope.ADMIN,))
    made = access.create_first_token(connection, wanted, digest_of(text), actor=reference, now=now)
    if made is not None:
        _note_made(connection, made, reference, now)
    return made is not None


def _note_made(connection: Any, made: Token, actor: str, now: datetime) -> None:
    detail = {
        "id": made.id,
        "scopes": made.scopes,
        "team": made.team,
        "orchestrator": made.orchestrator,
        "namespaces": made.namespaces,
        "expiresAt": made.expires_at,
    }
    access.record_action(
        connection, actor, "token_created", f"token:{made.name}", now=now, detail=detail
    )


def revoke(connection: Any, token_id: int, *, actor: str, now: datetime) -> Token:
    """Revokes for good. Raises NotFound."""
    revoked = access.revoke_token(connection, token_id, now=now)
    access.record_action(
        connection,
        actor,
        "token_revoked",
        f"token:{revoked.name}",
        now=now,
        detail={"id": revoked.id},
    )
    return revoked


def set_private(connection: Any, name: str, *, private: bool, actor: str, now: datetime) -> Team:
    """Makes the team if it is new, and says who sees what it owns."""
    _check_name("name", name)
    team = access.put_team(connection, name, private=private, now=now)
    access.record_action(
        connection, actor, "team_changed", f"team:{name}", now=now, detail={"private": private}
    )
    return team


def check(wanted: NewToken, now: datetime) -> None:
    """Returns if such a token makes sense, else BadInput."""
    _check_name("name", wanted.name)
    for path in ("team", "orchestrator"):
        if getattr(wanted, path) is not None:
            _check_name(path, getattr(wanted, path))
    _check_scopes(wanted.scopes)
    _check_namespaces(wanted)
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise BadInput("expiresAt", wanted.expires_at.isoformat(), "a time to come")


def _check_name(path: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInput(path, name, _NAME_RULE)


def _check_scopes(scopes: tuple[str, ...]) -> None:
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        known = ", ".join(scope.value for scope in Scope)
        raise BadInput("scopes", unknown or "none", f"one or more of {known}")


def _check_namespaces(wanted: NewToken) -> None:
    if not wanted.namespaces and _WRITING.intersection(wanted.scopes):
        hint = "Globs like 'sales-*' are understood, '*' is every namespace."
        raise BadInput("namespaces", "none", "the namespaces that it may write", hint)
    if len(wanted.namespaces) > _MOST_GLOBS:
        raise BadInput("namespaces", len(wanted.namespaces), f"at most {_MOST_GLOBS} of them")
    for index, glob in enumerate(wanted.namespaces):
        if not 0 < len(glob) <= _LONGEST_GLOB:
            raise BadInput(f"namespaces[{index}]", glob, f"1 to {_LONGEST_GLOB} characters")
