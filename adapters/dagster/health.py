"""How the deployment is: its daemons by their heartbeats, its code locations, its schedules.

Dagster itself calls a daemon healthy until half an hour after its last heartbeat; daemons beat
every 30 to 60 seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from adapters.dagster.instigators import Instigator
from adapters.dagster.pulse import Daemon, Location, Pulse
from adapters.dagster.wire import moment
from hub.model import HealthObserved, HealthStatus

#: Twice the longest beat: with a poll every 20 s a dead daemon is seen within three minutes.
SILENT_AFTER: Final = timedelta(seconds=120)


def health(pulse: Pulse, now: datetime, observed_at: datetime) -> list[HealthObserved]:
    """Of the parts, then of the whole (part ""). `now` by Dagster's clock."""
    daemons = [_daemon(one, now, observed_at) for one in pulse.instance.daemons if one.required]
    locations = [_location(one, observed_at) for one in pulse.locations if one.loaded]
    return [*daemons, *locations, _whole(daemons, locations, observed_at)]


def instigator_health(
    found: Iterable[Instigator], observed_at: datetime
) -> Iterator[HealthObserved]:
    """Of schedules and sensors that are on: whether their code could be evaluated last time."""
    for one in found:
        if not one.on:
            continue
        error = one.last_error
        status = HealthStatus.DEGRADED if error else HealthStatus.HEALTHY
        yield HealthObserved(status, observed_at, f"{one.what} {one.location}/{one.name}", error)


def _daemon(daemon: Daemon, now: datetime, observed_at: datetime) -> HealthObserved:
    part = f"daemon {daemon.daemon_type}"
    beat = moment(daemon.last_heartbeat_time)
    if beat is None:
        return HealthObserved(HealthStatus.DOWN, observed_at, part, "it never gave a heartbeat")
    if now - beat > SILENT_AFTER:
        told = f"no heartbeat since {beat:%Y-%m-%d %H:%M:%S} UTC"
        return HealthObserved(HealthStatus.DOWN, observed_at, part, told)
    if errors := daemon.last_heartbeat_errors:
        return HealthObserved(HealthStatus.DEGRADED, observed_at, part, errors[0].first_line)
    return HealthObserved(HealthStatus.HEALTHY, observed_at, part)


def _location(location: Location, observed_at: datetime) -> HealthObserved:
    fault = location.loaded.fault if location.loaded else None
    status = HealthStatus.DOWN if fault else HealthStatus.HEALTHY
    told = f"can't be loaded: {fault.first_line}" if fault else None
    return HealthObserved(status, observed_at, f"code location {location.name}", told)


def _whole(
    daemons: list[HealthObserved], locations: list[HealthObserved], observed_at: datetime
) -> HealthObserved:
    """Down when nothing is started any more: all daemons are silent."""
    sick = [one for one in (*daemons, *locations) if one.status is not HealthStatus.HEALTHY]
    if not sick:
        return HealthObserved(HealthStatus.HEALTHY, observed_at)
    silent = daemons and all(one.status is HealthStatus.DOWN for one in daemons)
    status = HealthStatus.DOWN if silent else HealthStatus.DEGRADED
    told = "; ".join(f"{one.part}: {one.detail}" for one in sick[:5])
    return HealthObserved(status, observed_at, detail=told)
