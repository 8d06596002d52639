"""Who may subscribe to what."""

from __future__ import annotations

from collections.abc import Iterable

from hub.access import Principal, Scope
from hub.errors import Forbidden
from hub.model import EntityName, Viewer
from hub.store.db import Connection
from hub.store.launches import owner_of
from hub.store.offers import offers_of
from hub.triggers.grants import Grants
from hub.triggers.spec import Spec


def team_for(by: Principal, wanted: str | None) -> str | None:
    """The team that a subscription is of: the one that is told, or the only one of whoever asks.

    Raises Forbidden for another's; only an admin may leave it out.
    """
    if by.has(Scope.ADMIN):
        return wanted
    if wanted is None and len(by.teams) == 1:
        return next(iter(by.teams))
    if wanted is None or wanted not in by.teams:
        mine = ", ".join(sorted(by.teams)) or "none"
        raise Forbidden(
            f"{by.name!r} may only have subscriptions of a team of theirs ({mine}); name it in team"
        )
    return wanted


def may_change(by: Principal, team: str | None) -> None:
    """Returns for a member of the team, and for an admin; else Forbidden."""
    if not by.has(Scope.ADMIN) and (team is None or team not in by.teams):
        whose = f"team {team}" if team else "the operator"
        raise Forbidden(f"this belongs to {whose}, and {by.name!r} does not")


def refuse_unlaunchable(connection: Connection, grants: Grants, spec: Spec) -> None:
    """Raises Forbidden if the team may not launch the job, or not with that conf."""
    owner = owner_of(connection, spec.job)
    launch = spec.launch
    why = grants.within(connection).why_not(
        spec.team, owner, launch.orchestrator, spec.job, launch.conf.keys()
    )
    if why is not None:
        raise Forbidden(why)


def refuse_unseen(connection: Connection, eyes: Viewer, inputs: Iterable[EntityName]) -> None:
    """Raises Forbidden if a dataset is offered to no team of the viewer."""
    if eyes.all:
        return
    for one in offers_of(connection, inputs):
        if not any(one.is_open_to(team) for team in eyes.teams or {None}):
            name = f"{one.names[0].namespace}/{one.names[0].name}"
            raise Forbidden(f"{name} is not offered to you; ask {one.team or 'its owner'}")


def refuse_unoffered(
    connection: Connection, team: str | None, inputs: Iterable[EntityName]
) -> None:
    """Raises Forbidden if a dataset is not offered to the team."""
    for one in [] if team is None else offers_of(connection, inputs):
        if one.is_open_to(team):
            continue
        name = f"{one.names[0].namespace}/{one.names[0].name}"
        raise Forbidden(f"{name} is not offered to team {team}; ask {one.team or 'its owner'}")
