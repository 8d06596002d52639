"""Great Expectations 0.18 and 1.x: validation results, and results of checkpoints.

A validation result as `to_json_dict()` gives it; an array of them; or a checkpoint's
`{"run_results": {...}}`, with each validation result as it is (1.x) or in an object under the key
`validation_result` (0.18).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.json import Decoder

from hub.errors import BadInput
from hub.model import Check, CheckStatus, Severity
from hub.openlineage.faults import Phrase, spot
from hub.quality import tell
from hub.quality.base import Given, Json, Naming, Report, decoded, time_of, tools

_Path = tuple[str | int, ...]


class _Expectation(Struct, frozen=True, gc=False):
    """1.x says type, 0.18 expectation_type."""

    type: str | None = None
    expectation_type: str | None = None
    kwargs: Json = {}
    meta: Json | None = None
    severity: str | None = None


class _Outcome(Struct, frozen=True, gc=False):
    success: bool | None
    expectation_config: _Expectation
    result: Json | None = None
    exception_info: Json | None = None


class _RunId(Struct, frozen=True, gc=False):
    run_time: str | None = None
    run_name: str | None = None


class _BatchSpec(Struct, frozen=True, gc=False):
    table_name: str | None = None
    schema_name: str | None = None


class _Batch(Struct, frozen=True, gc=False):
    data_asset_name: str | None = None
    batch_identifiers: Json | None = None


class _Meta(Struct, frozen=True, gc=False):
    run_id: _RunId | None = None
    validation_time: str | None = None
    expectation_suite_name: str | None = None
    checkpoint_name: str | None = None
    batch_spec: _BatchSpec | None = None
    active_batch_definition: _Batch | None = None
    batch_parameters: Json | None = None


class _Validation(Struct, frozen=True, gc=False):
    results: list[_Outcome]
    meta: _Meta
    suite_name: str | None = None


class _Wrapped(Struct, frozen=True, gc=False):
    validation_result: _Validation


class _Checkpoint(Struct, frozen=True, gc=False):
    run_results: dict[str, msgspec.Raw]


_ONE: Final = Decoder(_Validation)
_MANY: Final = Decoder(list[_Validation])
_CHECKPOINT: Final = Decoder(_Checkpoint)
_WRAPPED: Final = Decoder(_Wrapped)
_KEYS: Final = Decoder(dict[str, msgspec.Raw])
#: Of a batch, what says where it came from and not which it is.
_NO_PART: Final = frozenset({"dataframe", "path", "query"})
#: Parts of a date, as batches of SQL tables are cut, and how each is written behind those before.
_DATE: Final = (("year", "{:04}"), ("month", "-{:02}"), ("day", "-{:02}"), ("hour", "T{:02}"))
#: Arguments that say which column an expectation is of.
_COLUMNS: Final = ("column", "column_A", "column_B", "column_list", "column_set")


@tools.register("great-expectations")
def read_great_expectations(raw: bytes, given: Given) -> Report:
    """Each validation is a run of a job named as its checkpoint or suite."""
    naming = Naming(given)
    events: list[bytes] = []
    for path, validation in _validations(raw):
        events += _told(validation, given, naming, path)
    return Report(events)


def _validations(raw: bytes) -> Iterator[tuple[_Path, _Validation]]:
    if raw.lstrip()[:1] == b"[":
        many: list[_Validation] = decoded(_MANY, raw)
        yield from (((i,), one) for i, one in enumerate(many))
        return
    keys = decoded(_KEYS, raw)
    if "run_results" not in keys:
        if "validation_results" in keys:
            hint = "describe() tells neither of which data nor when; write to_json_dict()"
            raise BadInput("$.results", Phrase("nothing"), "a validation result", hint)
        yield (), decoded(_ONE, raw)
        return
    for name, part in decoded(_CHECKPOINT, raw).run_results.items():
        path = ("run_results", name)
        yield path, _within(bytes(part), path)


def _within(part: bytes, path: _Path) -> _Validation:
    try:
        wrapped = "validation_result" in decoded(_KEYS, part)
        return decoded(_WRAPPED, part).validation_result if wrapped else decoded(_ONE, part)
    except BadInput as error:
        below = spot(path) + error.path.removeprefix("$")
        raise BadInput(below, Phrase(error.found), error.expected) from None


def _told(validation: _Validation, given: Given, naming: Naming, path: _Path) -> Iterator[bytes]:
    meta, run_id = validation.meta, validation.meta.run_id or _RunId()
    at_text = meta.validation_time or run_id.run_time
    if at_text is None:
        raise BadInput(spot((*path, "meta", "validation_time")), Phrase("nothing"), "a time")
    at = time_of(at_text, *path, "meta", "validation_time")
    name = naming.of(_table(meta, path))
    partition = given.partition or _partition(meta)
    called = meta.checkpoint_name or validation.suite_name or meta.expectation_suite_name
    namespace = given.job_namespace or "great-expectations"
    job = tell.Job(namespace, called or name.name, "GREAT_EXPECTATIONS", "VALIDATION")
    run = job.run(name.namespace, name.name, partition or "", at_text, run_id.run_name or "")
    checks = _checks(validation.results)
    yield run.started(min(at, time_of(run_id.run_time, *path) if run_id.run_time else at))
    yield run.ended(at, inputs=[tell.checked(name, checks, partition)])


def _table(meta: _Meta, path: _Path) -> str:
    spec, batch = meta.batch_spec or _BatchSpec(), meta.active_batch_definition or _Batch()
    if spec.table_name:
        return ".".join(filter(None, (spec.schema_name, spec.table_name)))
    if batch.data_asset_name:
        return batch.data_asset_name
    where = spot((*path, "meta", "active_batch_definition", "data_asset_name"))
    raise BadInput(where, Phrase("nothing"), "the name of the data asset")


# -- partitions --------------------------------------------------------------------------------


def _partition(meta: _Meta) -> str | None:
    batch = meta.active_batch_definition or _Batch()
    told = meta.batch_parameters or batch.batch_identifiers or {}
    parts = dict(_flat({key: told[key] for key in told if key not in _NO_PART}))
    if not parts:
        return None
    if date := _date(parts):
        return date
    if len(parts) == 1:
        return str(next(iter(parts.values())))
    return "/".join(f"{key}={parts[key]}" for key in sorted(parts))


def _flat(told: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A column that a batch is cut by may stand above the parts of its date."""
    for key, value in told.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        elif value is not None:
            yield key, value


def _date(parts: Mapping[str, Any]) -> str | None:
    """A year, a month, a day or an hour, if that is all that is told."""
    written = ""
    for number, (word, form) in enumerate(_DATE, 1):
        try:
            written += form.format(int(parts[word]))
        except (KeyError, TypeError, ValueError):
            return None
        if number == len(parts):
            return written
    return None


# -- expectations ------------------------------------------------------------------------------


def _checks(outcomes: Sequence[_Outcome]) -> list[Check]:
    keys = [(_type(one), _column(one)) for one in outcomes]
    many = {key for key, count in Counter(keys).items() if count > 1}
    return [
        _check(one, name, column, alone=(name, column) not in many)
        for one, (name, column) in zip(outcomes, keys, strict=True)
    ]


def _check(one: _Outcome, name: str, column: str | None, *, alone: bool) -> Check:
    asked = _asked(one)
    return Check(
        name if alone or not asked else f"{name} ({asked})",
        CheckStatus.PASSED if one.success else CheckStatus.FAILED,
        column,
        _severity(one.expectation_config),
        asked or None,
        _exception(one.exception_info or {}) or _actual(one.result or {}),
    )


def _type(one: _Outcome) -> str:
    config = one.expectation_config
    return config.type or config.expectation_type or "expectation"


def _column(one: _Outcome) -> str | None:
    found: list[str] = []
    for word in _COLUMNS:
        value = one.expectation_config.kwargs.get(word)
        several = value if isinstance(value, list) else [value] if value else []
        found += map(str, several)
    return ",".join(found) or None


def _asked(one: _Outcome) -> str:
    """The arguments, less those that say of what."""
    asked = one.expectation_config.kwargs
    left = sorted(asked.keys() - {"batch_id", "result_format", *_COLUMNS})
    return ", ".join(f"{key}={_json(asked[key])}" for key in left if asked[key] is not None)


def _severity(config: _Expectation) -> Severity:
    """1.x knows critical, warning and info; of 0.18 it may stand in the expectation's meta."""
    told = config.severity or (config.meta or {}).get("severity")
    mild = isinstance(told, str) and told.lower() in {"warning", "warn", "info"}
    return Severity.WARN if mild else Severity.ERROR


def _actual(result: Json) -> str | None:
    observed = result.get("observed_value")
    if observed is not None:
        return _json(observed)
    unexpected, of = result.get("unexpected_count"), result.get("element_count")
    if unexpected is None:
        return None
    return f"{unexpected} of {of} unexpected" if of is not None else f"{unexpected} unexpected"


def _exception(told: Json) -> str | None:
    """1.x tells one of each metric, by the metric's id."""
    for one in (told, *told.values()):
        if isinstance(one, Mapping) and one.get("raised_exception"):
            return str(one.get("exception_message") or "it raised an exception")
    return None


def _json(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
