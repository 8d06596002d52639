"""How many launches are under way, and were asked for lately: what limits are measured by."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import Connection, func, select

from hub.model import EntityName
from hub.store.tables import launch

_MINE = launch.c


class UnderWay(Struct, frozen=True):
    """Launches that have not ended, and when those within the span of a rate were asked for."""

    of_subscription: int = 0
    of_target: int = 0
    asked_at: tuple[datetime, ...] = ()


def under_way(
    connection: Connection,
    subscription: int | None,
    target: tuple[str, EntityName] | None,
    rate: tuple[int, float, datetime] | None,
) -> UnderWay:
    """rate: a subscription, a span in seconds, and its end. What is None is not counted."""
    return UnderWay(
        0 if subscription is None else _of_subscription(connection, subscription),
        0 if target is None else _of_target(connection, *target),
        () if rate is None else _asked(connection, *rate),
    )


def _of_subscription(connection: Connection, number: int) -> int:
    mine = select(func.count()).where(_MINE.subscription_id == number, _MINE.ended_at.is_(None))
    return int(connection.scalar(mine) or 0)


def _of_target(connection: Connection, orchestrator: str, job: EntityName) -> int:
    mine = select(func.count()).where(
        _MINE.orchestrator == orchestrator,
        _MINE.job_namespace == job.namespace,
        _MINE.job_name == job.name,
        _MINE.ended_at.is_(None),
    )
    return int(connection.scalar(mine) or 0)


def _asked(
    connection: Connection, number: int, span_s: float, now: datetime
) -> tuple[datetime, ...]:
    since = now - timedelta(seconds=span_s)
    statement = select(_MINE.created_at).where(
        _MINE.subscription_id == number, _MINE.created_at > since
    )
    return tuple(connection.scalars(statement))
