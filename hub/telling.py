"""Puts telling together: the plan of trackside.yaml, its channels, what decides and what sends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from alerting import notifiers
from alerting.channels import Channels
from alerting.deliver import Deliver
from alerting.desk import Desk, hearing_of
from alerting.heartbeat import Heartbeat
from alerting.plan import Ownership, Plan
from alerting.reading import plan_of
from alerting.sorting import CROWD_WITHIN
from alerting.tell import Tell
from hub.evaluate.maintenance import windows_of
from hub.evaluate.telling import Delivering, Digesting, Telling, Transactions
from hub.metrics import Metrics
from hub.ports import About, Hearing
from hub.settings import Settings
from hub.store.db import Database
from hub.store.writer import Writer

notifiers.load()


def plan_in(settings: Settings) -> Plan:
    """The plan of trackside.yaml; raises ConfigError, which tells all that is wrong and where."""
    teams = {team.name: team.targets for team in settings.teams if team.targets}
    owners = [
        Ownership(team.name, tuple(team.owners), tuple(team.namespaces)) for team in settings.teams
    ]
    return plan_of(
        settings.targets,
        settings.routes,
        settings.silences,
        teams,
        settings.place,
        owners,
        {team.name: team.digest for team in settings.teams if team.digest is not None},
    )


def hearing_in(settings: Settings, about: About) -> Hearing:
    """Who would hear of it by trackside.yaml alone."""
    return hearing_of(plan_in(settings), about, (), datetime.now(UTC))


def desk_of(settings: Settings, db: Database, writer: Writer[Any, Any], metrics: Metrics) -> Desk:
    """Raises ConfigError. Nothing of it runs yet."""
    plan = plan_in(settings)
    doing, channels = Transactions(db, writer), Channels(plan, settings.allowed_networks)
    delivering = Delivering(doing)
    return Desk(
        delivering,
        plan,
        channels,
        Tell(
            Telling(doing, CROWD_WITHIN, windows_of(settings)),
            Digesting(doing),
            plan,
            settings.public_url,
        ),
        Deliver(delivering, plan, channels, metrics),
        None if settings.heartbeat_url is None else Heartbeat(settings.heartbeat_url),
    )
