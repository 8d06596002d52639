"""Observations as own engines post them (`POST /api/v1/observations`), to the model."""

from datetime import UTC, datetime
from enum import Enum
from typing import Any

import msgspec
from msgspec.json import Decoder

from hub.errors import BadInput
from hub.model import EntityName, Observation, ScheduleObserved
from hub.openlineage.faults import Step, fault, shown
from hub.openlineage.reading import BIGINT, REPLACEMENT, TEXT, Reading
from hub.openlineage.wire import without_poison

_MANY: Decoder[list[Observation]] = Decoder(list[Observation])
_ONE: Decoder[Observation] = Decoder(Observation)

_SCHEDULE_KINDS = ("cron", "interval", "dataset", "manual")
_NEVER_NEGATIVE = frozenset({"queued", "running", "oldest_wait_s", "max_lag_s"})


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
    if isinstance(one, ScheduleObserved) and one.schedule.kind not in _SCHEDULE_KINDS:
        where = reading.path(*at, "schedule", "kind")
        raise BadInput(where, one.schedule.kind, f"one of {', '.join(_SCHEDULE_KINDS)}")
    sound: Observation = _sound(one, reading, *at)
    return sound


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
