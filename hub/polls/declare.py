"""Declares orchestrators over the API, tries connections, and notes who did it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from hub.errors import BadInput, ConfigError, Conflict, NotFound, WrongSettings
from hub.polls.fleet import Fleet, Member, config_of, make_adapter, member_of
from hub.ports import Finding, Grade, SecretRef, adapters
from hub.secrets import references_in, require_declared
from hub.settings import Settings
from hub.store.access import record_action
from hub.store.db import Connection
from hub.store.declared import DeclaredOrchestrator, delete_declared, put_declared
from hub.store.orchestrators import introduce
from hub.store.polls import forget_poll

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_MOST_NAMESPACES: Final = 100


def check_declaration(one: DeclaredOrchestrator, settings: Settings) -> None:
    """BadInput, WrongSettings or Forbidden if it can't be declared as it is."""
    if not _NAME.fullmatch(one.name):
        raise BadInput("name", one.name, "small letters, digits, '.', '_' and '-', at most 63")
    if len(one.namespaces) > _MOST_NAMESPACES or not all(one.namespaces):
        raise BadInput("namespaces", one.namespaces, f"at most {_MOST_NAMESPACES} names or globs")
    teams = {team.name: team for team in settings.teams}
    if one.team is not None and one.team not in teams:
        known = ", ".join(sorted(teams)) or "none"
        raise BadInput("team", one.team, f"a team of trackside.yaml ({known})")
    for reference in _secrets_of(one):
        # Else whoever may declare could have any secret of the hub sent to a server of theirs.
        require_declared(reference, teams[one.team].secrets if one.team else ())


def _secrets_of(one: DeclaredOrchestrator) -> Iterator[SecretRef]:
    """Every secret that its settings name, checked settings being all that an adapter gets."""
    if not one.settings:
        return
    try:
        config = config_of(member_of(one))
    except ConfigError as error:
        raise WrongSettings(str(error)) from None
    yield from references_in(config.model_dump(mode="python"))


def declare(
    connection: Connection, fleet: Fleet, one: DeclaredOrchestrator, *, now: datetime
) -> None:
    """Keeps a checked declaration; Conflict if the file manages the orchestrator."""
    refuse_managed(fleet, one.name)
    put_declared(connection, one)
    introduce(connection, one.name, one.kind, now=now)
    detail = {"kind": one.kind, "namespaces": one.namespaces, "team": one.team}
    record_action(
        connection,
        one.declared_by,
        "orchestrator_declared",
        f"orchestrator:{one.name}",
        now=now,
        detail=detail,
    )


def take_back(
    connection: Connection, fleet: Fleet, name: str, *, actor: str, now: datetime
) -> None:
    """The orchestrator is no longer asked; what was recorded of it stays."""
    refuse_managed(fleet, name)
    delete_declared(connection, name)
    forget_poll(connection, name)
    subject = f"orchestrator:{name}"
    record_action(connection, actor, "orchestrator_taken_back", subject, now=now)


def refuse_managed(fleet: Fleet, name: str) -> None:
    held = fleet.members.get(name)
    if held is not None and held.managed_by is not None:
        raise Conflict(
            f"the orchestrator {name!r} is managed by {held.managed_by}; change it there"
        )


def try_connection(
    member: Member, hub_url: str, allowed: Sequence[str] = ()
) -> tuple[Sequence[Finding], str]:
    """What works of its connection and what doesn't, and how it can push to the hub too.

    Raises ConfigError for wrong settings, NotFound where nothing is asked of it.
    """
    if not member.is_polled:
        raise NotFound(
            f"the orchestrator {member.name!r} has no settings: it only pushes, nothing is asked "
            f"of it; kinds that can be asked: {', '.join(adapters.names()) or 'none'}"
        )
    adapter = make_adapter(member, tuple(allowed))
    try:
        return _findings(member, adapter), adapter.openlineage_setup(hub_url)
    finally:
        adapter.close()


def _findings(member: Member, adapter: Any) -> Sequence[Finding]:
    try:
        found: Sequence[Finding] = adapter.check_connection()
    except Exception as error:  # noqa: BLE001  a mistake of the adapter is a finding too
        return [Finding(f"adapter {member.kind}", Grade.BAD, type(error).__name__)]
    return found
