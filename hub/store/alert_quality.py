"""How good the alerts are: how many people were called, and for what."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, exists, select

from hub.model import Transition, Viewer
from hub.ports import NotificationState
from hub.store.reading import seen_by
from hub.store.tables import incident, incident_transition, membership, notification
from hub.store.views import View

#: What is over by itself so soon was not worth a call.
SHORT: Final = timedelta(minutes=5)
NOISIEST: Final = 10


class TeamQuality(View, frozen=True):
    """notifications: that were told in the time; perWeek: of them. acknowledged, selfResolved: as
    shares of the incidents that were told; selfResolved: over within five minutes, with nobody
    having said anything of it.
    """

    team: str | None
    notifications: int
    per_week: float
    incidents: int
    acknowledged: float
    self_resolved: float


class RuleQuality(View, frozen=True):
    """suggestion: what would make the rule quieter; None: it is not noisy."""

    rule: str
    incidents: int
    acknowledged: float
    self_resolved: float
    called_so: float
    suggestion: str | None


class QualityView(View, frozen=True):
    """rules: the noisiest first."""

    since: datetime
    until: datetime
    teams: list[TeamQuality]
    rules: list[RuleQuality]


class _Told(View, frozen=True):
    """An incident that was told."""

    notification: int
    incident: int
    team: str | None
    rule: str
    acknowledged: bool
    short: bool
    called_so: bool


def quality(
    connection: Connection, viewer: Viewer, since: datetime, until: datetime
) -> QualityView:
    told = _told(connection, viewer, since, until)
    weeks = max((until - since) / timedelta(weeks=1), 1e-9)
    return QualityView(since, until, _teams(told, weeks), _rules(told))


def _told(connection: Connection, viewer: Viewer, since: datetime, until: datetime) -> list[_Told]:
    step = incident_transition.c
    acknowledged = exists().where(
        step.incident_id == incident.c.id,
        step.transition.in_([Transition.ACKNOWLEDGED, Transition.SNOOZED, Transition.NOTED]),
    )
    statement = (
        select(
            membership.c.notification_id,
            incident.c.id,
            incident.c.team,
            incident.c.rule,
            incident.c.opened_at,
            incident.c.resolved_at,
            incident.c.resolution,
            acknowledged.label("acknowledged"),
        )
        .join(notification, notification.c.id == membership.c.notification_id)
        .join(incident, incident.c.id == membership.c.incident_id)
        .where(
            notification.c.told_at >= since,
            notification.c.told_at < until,
            notification.c.state != NotificationState.WAITING,
            seen_by(viewer, incident.c.team),
        )
    )
    return [_seen(row) for row in connection.execute(statement)]


def _seen(row: Row[Any]) -> _Told:
    called_so = row.resolution in {"expected", "new_normal"}
    over = row.resolved_at is not None and row.resolved_at - row.opened_at <= SHORT
    by_itself = over and not row.acknowledged and not called_so
    return _Told(
        row.notification_id, row.id, row.team, row.rule, row.acknowledged, by_itself, called_so
    )


def _teams(told: list[_Told], weeks: float) -> list[TeamQuality]:
    found: dict[str | None, list[_Told]] = defaultdict(list)
    for one in told:
        found[one.team].append(one)
    return [_team(name, found[name], weeks) for name in sorted(found, key=lambda name: name or "")]


def _team(name: str | None, told: list[_Told], weeks: float) -> TeamQuality:
    notifications = len({one.notification for one in told})
    by_id = {one.incident: one for one in told}
    share = 1 / len(by_id)
    return TeamQuality(
        name,
        notifications,
        round(notifications / weeks, 2),
        len(by_id),
        round(share * sum(one.acknowledged for one in by_id.values()), 3),
        round(share * sum(one.short for one in by_id.values()), 3),
    )


def _rules(told: list[_Told]) -> list[RuleQuality]:
    found: dict[str, dict[int, _Told]] = defaultdict(dict)
    for one in told:
        found[one.rule][one.incident] = one
    rules = [_rule(name, list(mine.values())) for name, mine in found.items()]
    return sorted(rules, key=lambda one: (-one.incidents, one.rule))[:NOISIEST]


def _rule(name: str, told: list[_Told]) -> RuleQuality:
    share = 1 / len(told)
    acknowledged = share * sum(one.acknowledged for one in told)
    short = share * sum(one.short for one in told)
    called_so = share * sum(one.called_so for one in told)
    return RuleQuality(
        name,
        len(told),
        round(acknowledged, 3),
        round(short, 3),
        round(called_so, 3),
        suggestion(len(told), acknowledged, short, called_so),
    )


#: Of fewer incidents nothing is said.
ENOUGH: Final = 5


def suggestion(count: int, acknowledged: float, short: float, called_so: float) -> str | None:
    """What to change about a rule whose incidents were told so often; shares of them."""
    if count < ENOUGH:
        return None
    if short >= 0.3:
        return f"{short:.0%} were over within 5 minutes: give it a longer grace or group_wait_s"
    if called_so >= 0.3:
        return f"{called_so:.0%} were called expected: raise its limit, or leave these jobs out"
    if acknowledged <= 0.1:
        return f"{1 - acknowledged:.0%} were acknowledged by nobody: lower its severity"
    return None
