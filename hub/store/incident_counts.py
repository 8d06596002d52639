"""How many incidents each rule opened, day by day."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Final

from msgspec import Struct
from sqlalchemy import BigInteger, Connection, func, select, type_coerce

from hub.model import Viewer
from hub.store.reading import seen_by
from hub.store.tables import incident

_DAY: Final = 86_400_000_000
_EPOCH: Final = date(1970, 1, 1)


class Opened(Struct, frozen=True):
    """Of one day (UTC): those that were to be told, and those of a dry run."""

    loud: int = 0
    dry: int = 0


def opened_by_rule(
    connection: Connection, viewer: Viewer, since: datetime, rule: str | None = None
) -> dict[str, dict[date, Opened]]:
    """Those that the viewer may see, of all rules or one."""
    mine = incident.c
    day = (type_coerce(mine.opened_at, BigInteger) // _DAY).label("day")
    statement = (
        select(mine.rule, day, mine.dry_run, func.count().label("incidents"))
        .where(mine.opened_at >= since, seen_by(viewer, mine.team))
        .group_by(mine.rule, day, mine.dry_run)
    )
    if rule is not None:
        statement = statement.where(mine.rule == rule)
    found: dict[str, dict[date, Opened]] = defaultdict(dict)
    for row in connection.execute(statement):
        at = _EPOCH + timedelta(days=int(row.day))
        before = found[row.rule].get(at, Opened())
        more = (0, row.incidents) if row.dry_run else (row.incidents, 0)
        found[row.rule][at] = Opened(before.loud + more[0], before.dry + more[1])
    return found


def opened_since(
    connection: Connection, viewer: Viewer, since: datetime
) -> list[tuple[datetime, str]]:
    """When each incident opened that the viewer may see, and its kind; without those of dry runs."""
    mine = incident.c
    statement = select(mine.opened_at, mine.kind).where(
        mine.opened_at >= since, mine.dry_run.is_(False), seen_by(viewer, mine.team)
    )
    return [(row.opened_at, row.kind) for row in connection.execute(statement)]
