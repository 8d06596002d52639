"""Whatever is sent, it is understood or refused with a path; nothing else happens."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.errors import BadInput
from hub.model import LineageEvent
from hub.openlineage.batch import split_batch
from hub.openlineage.decode import decode_event
from hub.openlineage.observations import decode_observations
from hub.openlineage.redact import Redactor
from tests.support.samples import own, own_events

T = TypeVar("T")

REAL = [
    "airflow/dag_start_asset_triggered_jobDependencies.json",
    "airflow/task_fail_final_try3.json",
    "airflow/task_sql_complete_columnLineage.json",
    "airflow/dag_complete_cron.json",
    "airflow/task_mapped_start_idx0.json",
]
WRONG: list[Any] = [
    None, True, 0, -1, 2**31, 2**63, -(2**63) - 1, 10**40, 1.5, 1e308, "", "\x00", "\ud800",
    "x" * 5_000, "2026-01-01", [], [None], [[]], {}, {"": None}, {"_deleted": True},
]  # fmt: skip

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3)
)


def survives(raw: bytes) -> None:
    event = read_or_refuse(decode_event, raw)
    if event is not None:
        assert_storable(event)


def read_or_refuse(decode: Callable[[bytes], T], raw: bytes) -> T | None:
    refusal = None
    try:
        return decode(raw)
    except BadInput as error:
        refusal = error
    assert refusal.path.startswith("$")
    assert len(str(refusal)) < 1_000
    return None


def assert_storable(event: LineageEvent) -> None:
    """No text that a database refuses; facets are JSON without such."""
    for text in texts(msgspec.to_builtins(event)):
        assert "\x00" not in text
        text.encode()
    for dataset in event.datasets:
        for facet in dataset.facets.values():
            assert "\x00" not in "".join(texts(json.loads(facet)))


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


def spots(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a JSON value."""
    if path:
        yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from spots(item, *path, key)


def put(event: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(event)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return changed


@pytest.mark.parametrize("name", REAL)
def test_a_wrong_value_at_any_path_of_a_real_event_is_refused_or_survived(name: str) -> None:
    event = own(name)
    for path in spots(event):
        for wrong in WRONG:
            survives(json.dumps(put(event, path, wrong)).encode())


@pytest.mark.parametrize("name", REAL)
def test_anything_missing_in_a_real_event_is_refused_or_survived(name: str) -> None:
    event = own(name)
    for path in spots(event):
        if isinstance(path[-1], str):
            changed = copy.deepcopy(event)
            holder = changed
            for step in path[:-1]:
                holder = holder[step]
            del holder[path[-1]]
            survives(json.dumps(changed).encode())


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_values_at_random_paths_are_refused_or_survived(data: st.DataObject) -> None:
    event = own(data.draw(st.sampled_from(REAL)))
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from(list(spots(event))))
        event = put(event, path, data.draw(values))
    raw = json.dumps(event).encode()
    survives(raw)
    survives(Redactor().redact(raw))


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_random_bytes_are_refused(raw: bytes) -> None:
    survives(raw)
    Redactor().redact(raw)
    read_or_refuse(split_batch, raw)
    read_or_refuse(decode_observations, raw)


@given(data=st.data())
@settings(max_examples=300)
def test_random_bytes_within_a_real_event_are_refused_or_survived(data: st.DataObject) -> None:
    name, raw = data.draw(st.sampled_from(list(own_events("airflow"))))
    at = data.draw(st.integers(0, len(raw) - 1), label=name)
    survives(raw[:at] + data.draw(st.binary(max_size=4)) + raw[at + data.draw(st.integers(0, 4)) :])


@given(values)
@settings(max_examples=300)
def test_random_json_is_refused(value: Any) -> None:
    raw = json.dumps(value).encode()
    survives(raw)
    read_or_refuse(decode_observations, raw)
