"""`trackside token` and `trackside team`: who may do what.

Works on the store itself, also while a hub runs on it: a token is one short transaction, for
which SQLite waits its turn, and the hub sees it within five seconds. With TRACKSIDE_URL set it
asks that hub over HTTP instead, with the token in TRACKSIDE_TOKEN.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from hub.access import Scope
from hub.commands.access import Granting, granting
from hub.commands.common import ConfigFile, DatabaseUrl, err, out, rows
from hub.errors import NotFound
from hub.store.access import NewToken, Token

app = typer.Typer(help="Make, list and revoke tokens.", no_args_is_help=True)
teams = typer.Typer(help="List teams, and say who sees what they own.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is called, as in airflow-prod.")],
    scope: Annotated[
        list[Scope],
        typer.Option(
            help="What it may do: ingest (send), read, operate (tag, delete, silence, replay), "
            "trigger (launch runs), admin (all, and tokens). Repeat for several."
        ),
    ],
    namespace: Annotated[
        list[str] | None,
        typer.Option(help="Namespaces it may write, as in 'sales-*'; '*' is all. Repeat."),
    ] = None,
    team: Annotated[str | None, typer.Option(help="Whose private jobs it sees.")] = None,
    orchestrator: Annotated[
        str | None, typer.Option(help="The orchestrator that what it sends belongs to.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires.")] = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a token and print it, this once.

    For an Airflow:  trackside token create airflow-prod --scope ingest --namespace 'sales-*'
    For a person:    trackside token create ann --scope read --scope operate --namespace '*'
    """
    wanted = NewToken(
        name=name,
        scopes=tuple(each.value for each in scope),
        team=team,
        orchestrator=orchestrator,
        namespaces=tuple(namespace or ()),
        expires_at=datetime.now(UTC) + timedelta(days=days) if days else None,
    )
    with granting(config, database_url, new=True) as access:
        first = access.is_first()
        text = access.create(wanted)
    _tell_use(name, access, first=first)
    typer.echo(text)  # alone on stdout, for scripts


@app.command("list")
def list_(config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """List all tokens; none can be shown again."""
    with granting(config, database_url) as access:
        tokens = access.tokens()
    titles = ("ID", "NAME", "SCOPES", "TEAM", "NAMESPACES", "LAST USED", "STATE")
    rows(titles, [_line(token, datetime.now(UTC)) for token in tokens])


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="Its id or name.")],
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Revoke a token for good. It stops working within five seconds."""
    with granting(config, database_url) as access:
        found = _find(access, token)
        access.revoke(found.id)
    out.print(f"revoked {found.name} (id {found.id})")


@teams.command("list")
def list_teams(config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """List all teams."""
    with granting(config, database_url) as access:
        found = access.teams()
    rows(("TEAM", "SEEN BY"), [(t.name, "its members" if t.private else "all") for t in found])


@teams.command("set")
def set_team(
    name: Annotated[str, typer.Argument(help="The team; made if it is new.")],
    private: Annotated[  # noqa: FBT002  a flag
        bool, typer.Option("--private/--open", help="Whether only its members see what it owns.")
    ] = False,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a team, or change who sees what it owns."""
    with granting(config, database_url, new=True) as access:
        access.set_private(name, private=private)
    out.print(f"{name}: seen by {'its members' if private else 'all'}")


def _tell_use(name: str, access: Granting, *, first: bool) -> None:
    err.print(f"Token {name!r}, made in {access.where}. It is shown only now; send it as")
    err.print("    Authorization: Bearer <token>")
    if first:
        err.print(
            "[yellow]It is the first: a hub that was open until now asks everybody for one, "
            "senders too.[/]"
        )


def _line(token: Token, now: datetime) -> tuple[object, ...]:
    used = token.last_used_at
    return (
        token.id,
        token.name,
        " ".join(token.scopes),
        token.team,
        " ".join(token.namespaces),
        f"{used:%Y-%m-%d %H:%M}" if used else "never",
        _state(token, now),
    )


def _state(token: Token, now: datetime) -> str:
    if token.revoked_at:
        return f"revoked {token.revoked_at:%Y-%m-%d}"
    if token.expires_at:
        verb = "expired" if token.expires_at <= now else "until"
        return f"{verb} {token.expires_at:%Y-%m-%d}"
    return "valid"


def _find(access: Granting, wanted: str) -> Token:
    """By id or name; of several with the name the one that still holds."""
    named = [each for each in access.tokens() if wanted in {each.name, str(each.id)}]
    for each in sorted(named, key=lambda found: found.revoked_at is not None):
        return each
    raise NotFound(f"there is no token {wanted!r}; `trackside token list` names them all")
