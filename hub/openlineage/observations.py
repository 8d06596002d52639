"""Observations as own engines post them (`POST /api/v1/observations`), to the model."""

from datetime import UTC, datetime
from enum import Enum
from typing import Any

import msgspec
from msgspec.json import Decoder

from hub.errors import BadInput
from hub.model import (
    EntityName,
    FreshnessPolicyObserved,
    Observation,
    Schedule,
    ScheduleObserved,
)
from hub.openlineage.faults import Step, fault, shown
from hub.openlineage.reading import BIGINT, REPLACEMENT, TEXT, Reading
from hub.openlineage.wire import without_poison
from hub.schedules.cron import crons_of, is_cron
from hub.schedules.intervals import interval_of
from hub.schedules.zones import zone_of

_MANY: Decoder[list[Observation]] = Decoder(list[Observation])
_ONE: Decoder[Observation] = Decoder(Observation)

_NEVER_NEGATIVE = frozenset(
    {"queued", "running", "oldest_wait_s", "max_lag_s", "data_interval_s", "grace_s", "partitions"}
)
_TIMINGS = frozenset({"trigger", "interval", "tick", "wall", "rule", "shown"})


def decode_observations(raw: bytes) -> list[Observation]:
    """One observation or an array of them; naive times are UTC. BadInput with the JSON path."""
    many = raw.lstrip()[:1] == b"["
    decoder: Decoder[Any] = _MANY if many else _ONE
    try:
        raw.decode()
        clean = without_poison(raw)
        found = decoder.decode(clean)
        reading = Reading(replaced=clean is not raw)
        if not many:
            return [_observation(found, reading)]
        return [_observation(one, reading, i) for i, one in enumerate(found)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise fault(error, decoder, raw, ()) from None


def _observation(one: Observation, reading: Reading, *at: Step) -> Observation:
    sound: Observation = _sound(one, reading, *at)
    if isinstance(sound, ScheduleObserved):
        _check_schedule(sound.schedule, reading, *at, "schedule")
    elif isinstance(sound, FreshnessPolicyObserved):
        _check_zone(sound.timezone, reading, *at)
        if sound.cron is not None:
            _check_crons(sound.cron, reading, *at, "cron")
    return sound


def _check_schedule(schedule: Schedule, reading: Reading, *at: Step) -> None:
    _check_zone(schedule.timezone, reading, *at)
    if schedule.timing not in _TIMINGS:
        timings = "one of trigger, interval, tick, wall, rule, shown"
        raise BadInput(reading.path(*at, "timing"), shown(schedule.timing), timings)
    where = (*at, "expression")
    match schedule.kind:
        case "cron":
            _check_crons(schedule.expression, reading, *where)
        case "interval":
            _check_interval(schedule.expression, reading, *where)
        case "dataset" | "manual":
            pass
        case unknown:
            kinds = "one of cron, interval, dataset, manual"
            raise BadInput(reading.path(*at, "kind"), shown(unknown), kinds)


def _check_crons(expression: str, reading: Reading, *at: Step) -> None:
    for cron in crons_of(expression) or [expression]:
        if not is_cron(cron):
            expected = "a cron expression such as 30 6 * * MON-FRI, or one in each line"
            raise BadInput(reading.path(*at), shown(cron), expected)


def _check_interval(text: str, reading: Reading, *at: Step) -> None:
    try:
        interval_of(text)
    except ValueError:
        expected = "an ISO 8601 duration above zero, such as PT90S"
        raise BadInput(reading.path(*at), shown(text), expected) from None


def _check_zone(name: str, reading: Reading, *at: Step) -> None:
    try:
        zone_of(name)
    except ValueError:
        expected = "an IANA name such as Europe/Zurich, or an offset such as +02:00"
        raise BadInput(reading.path(*at, "timezone"), shown(name), expected) from None


def _sound(value: Any, reading: Reading, *at: Step) -> Any:
    """The same with its times in UTC, if all of it can be stored."""
    match value:
        case EntityName():
            return reading.entity(value.namespace, value.name, *at)
        case msgspec.Struct():
            fields = value.__struct_fields__
            return type(value)(
                **{name: _sound(getattr(value, name), reading, *at, name) for name in fields}
            )
        case datetime():
            return _utc(value, reading, *at)
        case None | bool() | Enum():
            return value
        case tuple():
            return tuple(_sound(one, reading, *at, i) for i, one in enumerate(value))
        case str():
            return _text(value, reading, *at)
        case _:
            return _number(value, reading, *at)


def _utc(value: datetime, reading: Reading, *at: Step) -> datetime:
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:
        raise BadInput(reading.path(*at), str(value), "a time between year 1 and 9999") from None


def _text(value: str, reading: Reading, *at: Step) -> str:
    if len(value) > TEXT:
        raise BadInput(reading.path(*at), shown(value), f"at most {TEXT:,} characters")
    if reading.replaced and REPLACEMENT in value:
        raise BadInput(reading.path(*at), shown(value), "text without NUL or lone surrogates")
    return value


def _number(value: float, reading: Reading, *at: Step) -> float:
    if not -BIGINT <= value < BIGINT:
        raise BadInput(reading.path(*at), shown(value), "a number of 64 bits")
    if value < 0 and at[-1] in _NEVER_NEGATIVE:
        raise BadInput(reading.path(*at), shown(value), "a number that is not negative")
    return value
