"""Checks of one's own, as `POST /api/v1/checks` takes them."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.json import Decoder

from hub.errors import BadInput
from hub.model import Check, CheckStatus, EntityName, Severity
from hub.openlineage.faults import shown, spot
from hub.openlineage.reading import Reading
from hub.quality import tell
from hub.quality.base import decoded, time_of

_STATUSES: Final = {
    "passed": CheckStatus.PASSED,
    "failed": CheckStatus.FAILED,
    "skipped": CheckStatus.SKIPPED,
}
_SEVERITIES: Final = {"warn": Severity.WARN, "error": Severity.ERROR}


class _Told(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """expected and actual: any JSON. at: when it was checked, else when it came in."""

    dataset: EntityName
    name: str
    status: str
    partition: str | None = None
    column: str | None = None
    severity: str = "error"
    expected: Any = None
    actual: Any = None
    at: str | None = None


_ONE: Final = Decoder(_Told)
_MANY: Final = Decoder(list[_Told])


def read_checks(raw: bytes, received_at: datetime) -> list[bytes]:
    """One check or an array of them, as lineage events. BadInput with the JSON path."""
    many = raw.lstrip()[:1] == b"["
    told: list[_Told] = decoded(_MANY, raw) if many else [decoded(_ONE, raw)]
    reading = Reading()
    found: dict[tuple[EntityName, str, datetime], list[Check]] = defaultdict(list)
    for i, one in enumerate(told):
        path = (i,) if many else ()
        at = received_at if one.at is None else time_of(one.at, *path, "at")
        name = reading.entity(one.dataset.namespace, one.dataset.name, *path, "dataset")
        found[name, one.partition or "", at].append(_check(one, *path))
    return [
        tell.dataset_checked(name, checks, partition or None, at)
        for (name, partition, at), checks in found.items()
    ]


def _check(one: _Told, *path: str | int) -> Check:
    if not one.name:
        raise BadInput(spot((*path, "name")), shown(one.name), "a name")
    return Check(
        one.name,
        _one_of(_STATUSES, one.status, *path, "status"),
        one.column or None,
        _one_of(_SEVERITIES, one.severity, *path, "severity"),
        _text(one.expected),
        _text(one.actual),
    )


def _one_of(words: dict[str, Any], word: str, *path: str | int) -> Any:
    found = words.get(word.lower())
    if found is None:
        raise BadInput(spot(path), shown(word), f"one of {', '.join(words)}")
    return found


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
