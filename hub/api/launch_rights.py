"""Who may launch which job, and who may fetch the launches of which orchestrator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.access import Principal, Scope
from hub.api.hub import Hub
from hub.errors import Forbidden, NotFound
from hub.model import EntityName
from hub.store.db import Connection
from hub.store.launches import owner_of


def launching_team(
    hub: Hub,
    connection: Connection,
    by: Principal,
    orchestrator: str,
    job: EntityName,
    conf: Mapping[str, Any],
) -> str | None:
    """For which of its teams a principal may launch a job; None: for the operator.

    Raises Forbidden, which says what is missing.
    """
    if by.has(Scope.ADMIN):
        return None
    owner, reasons = owner_of(connection, job), []
    grants = hub.grants.within(connection)
    for team in sorted(by.teams):
        why_not = grants.why_not(team, owner, orchestrator, job, conf)
        if why_not is None:
            return team
        reasons.append(why_not)
    raise Forbidden("; ".join(reasons) or f"{by.name!r} is of no team, and launches are a team's")


def fetching(hub: Hub, by: Principal, orchestrator: str) -> None:
    """Returns if the principal acts for the orchestrator; else Forbidden, or NotFound."""
    if by.orchestrator not in {None, orchestrator}:
        raise Forbidden(f"{by.name!r} acts for the orchestrator {by.orchestrator!r} alone")
    member = hub.fleet.members.get(orchestrator)
    if member is None:
        raise NotFound(f"No orchestrator '{orchestrator}' is declared.")
    if by.orchestrator is None and not by.has(Scope.ADMIN):
        by.require_namespace(member.namespace)
