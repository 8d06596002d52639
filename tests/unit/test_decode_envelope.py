"""What is survived in an envelope, what is refused, and what is told about either."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from hub.errors import BadInput
from hub.model import EntityName, EventType, LineageEvent
from hub.openlineage.decode import decode_event
from hub.openlineage.reading import NAME_BYTES, NAMESPACE_BYTES

RUN_ID = "0191f3a0-0000-7000-8000-000000000001"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def run_event(**changes: Any) -> dict[str, Any]:
    """A flawless RunEvent, then changed; None takes a key away."""
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-02T12:00:00Z",
        "producer": "https://example.org/p",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": RUN_ID},
        "job": {"namespace": "ns", "name": "job"},
    }
    return {key: value for key, value in {**event, **changes}.items() if value is not None}


def read(event: Any) -> LineageEvent:
    return decode_event(json.dumps(event).encode())


def refused(event: Any) -> BadInput:
    with pytest.raises(BadInput) as refusal:
        decode_event(event if isinstance(event, bytes) else json.dumps(event).encode())
    return refusal.value


def warned(event: LineageEvent) -> list[str]:
    return [f"{warning.path} {warning.message}" for warning in event.warnings]


def test_a_flawless_event_has_no_warnings() -> None:
    event = read(run_event())
    assert event.warnings == ()
    assert event.run
    assert event.run.run_id == UUID(RUN_ID).bytes
    assert (event.event_time, event.event_type) == (NOON, EventType.COMPLETE)


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"schemaURL": None}, "$.schemaURL is missing"),
        ({"producer": None}, "$.producer is missing"),
        ({"eventType": None}, "$.eventType is missing, taken as OTHER"),
        ({"eventType": "PAUSED"}, "$.eventType is unknown, taken as OTHER"),
        ({"eventType": "fail"}, "$.eventType is not in capitals, taken as FAIL"),
        ({"job": {"namespace": "", "name": "j"}}, "$.job.namespace is empty, taken as default"),
        ({"run": {"runId": "run 7"}}, "$.run.runId is no UUID, one was derived from it"),
    ],
)
def test_sloppiness_is_survived_with_a_warning(changes: dict[str, Any], warning: str) -> None:
    assert warned(read(run_event(**changes))) == [warning]


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("2026-01-02T12:00:00", "has no time zone, taken as UTC"),
        ("2026-01-02T12:00:00.123456789Z", "is finer than microseconds, cut"),
        ("2026-01-02T12:00:00Z[Europe/London]", "is not in RFC 3339"),
        ("2026-01-02T13:00:00[Europe/Berlin]", "is not in RFC 3339"),
        ("2026-01-02t12:00:00z", "is not in RFC 3339"),
    ],
)
def test_sloppy_times_are_read(text: str, warning: str) -> None:
    event = read(run_event(eventTime=text))
    assert event.event_time.replace(microsecond=0) == NOON
    assert event.event_time.tzinfo is UTC
    assert warned(event) == [f"$.eventTime {warning}"]


def test_an_offset_is_no_sloppiness() -> None:
    event = read(run_event(eventTime="2026-01-02T22:00:00.000001+10:00"))
    assert event.event_time == NOON.replace(microsecond=1)
    assert event.warnings == ()


@pytest.mark.parametrize(
    "text",
    ["yesterday", "", "1767355200", "0001-01-01T00:00:00+14:00", "2026-01-02T12:00:00[No/Where]"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    refusal = refused(run_event(eventTime=text))
    assert (refusal.path, refusal.found) == ("$.eventTime", repr(text))


def test_the_id_made_of_a_strange_run_id_depends_on_it_and_on_the_namespace_of_the_job() -> None:
    event = read(run_event(run={"runId": "run 7"}))
    assert event.run
    assert event.run.run_id == uuid5(uuid5(NAMESPACE_URL, "ns"), "run 7").bytes


def test_a_strange_parent_run_id_meets_the_run_it_names() -> None:
    parent = {"run": {"runId": "run 7"}, "job": {"namespace": "ns", "name": "other"}}
    event = read(run_event(run={"runId": RUN_ID, "facets": {"parent": parent}}))
    named = read(run_event(run={"runId": "run 7"}))
    assert event.run
    assert event.run.parent
    assert named.run
    assert event.run.parent.run_id == named.run.run_id


@pytest.mark.parametrize("written", [f"{{{RUN_ID}}}", f"urn:uuid:{RUN_ID}", RUN_ID.upper()])
def test_other_ways_to_write_a_uuid_are_the_same_run(written: str) -> None:
    event = read(run_event(run={"runId": written}))
    assert event.run
    assert event.run.run_id == UUID(RUN_ID).bytes
    assert event.warnings == ()


def test_null_lists_and_facets_are_nothing() -> None:
    run = {"runId": RUN_ID, "facets": None}
    dataset = {"namespace": "d", "name": "t", "facets": None, "inputFacets": None}
    event = run_event(run=run, inputs=[dataset]) | {"outputs": None}
    assert [facts.name for facts in read(event).datasets] == [EntityName("d", "t")]


def test_the_content_decides_what_kind_of_event_it_is() -> None:
    dataset = {"namespace": "d", "name": "t"}
    whole = read(run_event(dataset=dataset))
    assert whole.run
    assert whole.datasets == ()
    declared = read(run_event(run=None, eventType=None, schemaURL="https://x/#/$defs/JobEvent"))
    assert declared.job
    assert declared.run is None
    described = read(run_event(run=None, job=None, eventType=None, dataset=dataset))
    assert described.job is None
    assert [facts.direction for facts in described.datasets] == [None]


def test_a_job_event_may_carry_a_state_which_means_nothing() -> None:
    event = read(run_event(run=None, schemaURL="https://x/#/definitions/JobEvent"))
    assert event.run is None
    assert event.event_type is EventType.OTHER


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"run": None}, "$.run"),
        ({"run": None, "eventType": None}, "$.run"),
        ({"run": {}}, "$.run.runId"),
        ({"run": {"runId": ""}}, "$.run.runId"),
        ({"run": {"runId": 5}}, "$.run.runId"),
        ({"run": "x"}, "$.run"),
        ({"job": None}, "$.job"),
        ({"job": {"name": "j"}}, "$.job.namespace"),
        ({"job": {"namespace": "n"}}, "$.job.name"),
        ({"job": {"namespace": "n", "name": ""}}, "$.job.name"),
        ({"job": {"namespace": "n", "name": None}}, "$.job.name"),
        ({"job": {"namespace": "n" * (NAMESPACE_BYTES + 1), "name": "j"}}, "$.job.namespace"),
        ({"job": {"namespace": "n", "name": "é" * (NAME_BYTES // 2 + 1)}}, "$.job.name"),
        ({"eventTime": None}, "$.eventTime"),
        ({"eventType": 1}, "$.eventType"),
        ({"producer": {}}, "$.producer"),
        ({"inputs": {}}, "$.inputs"),
        ({"inputs": [None]}, "$.inputs[0]"),
        ({"outputs": [{"namespace": "d", "name": "t"}, {"name": "t"}]}, "$.outputs[1].namespace"),
        ({"outputs": [{"namespace": "d", "name": "t", "facets": []}]}, "$.outputs[0].facets"),
    ],
)
def test_a_broken_envelope_is_refused_with_its_path(changes: dict[str, Any], path: str) -> None:
    assert refused(run_event(**changes)).path == path


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"{", b"5", b"null", b"[]", b'"x"', b"\xff", b'{"a":"\xc3"}', b"{}x",
        b'{"a":' * 100_000, b"[" * 100_000, b'{"a":' + b"9" * 100_000 + b"}", b'{"a":1e99999}',
    ],
    ids=lambda raw: repr(raw[:12]),
)  # fmt: skip
def test_what_is_no_event_is_refused(raw: bytes) -> None:
    assert refused(raw).path.startswith("$")


def test_invalid_utf_8_is_refused_even_where_nobody_looks() -> None:
    raw = json.dumps(run_event(run={"runId": RUN_ID, "facets": {"x": {"y": "é"}}})).encode()
    assert refused(raw.replace(b"\\u00e9", b"\xe9")).expected == "text in UTF-8"


def test_deep_nesting_is_refused() -> None:
    raw = json.dumps(run_event(run={"runId": RUN_ID, "facets": {"x": 1}})).encode()
    deep = raw.replace(b'"x": 1', b'"x": ' + b"[" * 50_000 + b"]" * 50_000)
    assert refused(deep).expected == "JSON of sane depth"


def test_text_that_breaks_off_behind_a_wrong_value_is_told_as_broken_off() -> None:
    error = refused(b'{"eventType": 7, "run": {')
    assert (error.path, error.expected) == ("$", "JSON")
    assert "truncated" in str(error)


@pytest.mark.parametrize("poison", ["\x00", "\ud800", "\udc00x", "\udfff\ud800"])
@pytest.mark.parametrize(
    ("changes", "path"),
    [
        (lambda bad: {"job": {"namespace": "n", "name": bad}}, "$.job.name"),
        (lambda bad: {"job": {"namespace": bad, "name": "n"}}, "$.job.namespace"),
        (lambda bad: {"outputs": [{"namespace": "n", "name": bad}]}, "$.outputs[0].name"),
        (lambda bad: {"run": {"runId": bad}}, "$.run.runId"),
    ],
)
def test_poison_in_a_name_is_refused(changes: Any, path: str, poison: str) -> None:
    assert refused(run_event(**changes(f"a{poison}b"))).path == path


@pytest.mark.parametrize("poison", ["\x00", "\ud800", chr(0xDC00)])
def test_poison_in_a_text_is_replaced_and_kept_from_the_facets(poison: str) -> None:
    facets = {
        "documentation": {"description": f"a{poison}b"},
        "own": {f"k{poison}": f"\\u0000 {poison}"},
    }
    event = read(run_event(job={"namespace": "n", "name": "j", "facets": facets}))
    assert event.job
    assert event.job.description == "a\ufffdb"
    assert json.loads(event.job.facets["own"]) == {"k\ufffd": "\\u0000 \ufffd"}
    assert warned(event) == ["$ NUL characters or lone surrogates replaced"]


def test_emoji_written_as_surrogate_pairs_are_no_poison() -> None:
    event = read(run_event(job={"namespace": "n", "name": "😀 \\u0000 \\ud800"}))
    assert event.job
    assert event.job.name.name == "😀 \\u0000 \\ud800"
    assert event.warnings == ()


def test_nan_is_null() -> None:
    facets = {"own": {"a": float("nan"), "b": [float("-inf"), "NaN"]}}
    event = read(run_event(job={"namespace": "n", "name": "j", "facets": facets}))
    assert event.job
    assert json.loads(event.job.facets["own"]) == {"a": None, "b": [None, "NaN"]}
    assert warned(event) == ["$ NaN or Infinity, which are not JSON, taken as null"]


def test_a_refusal_tells_no_secret() -> None:
    url = "postgres://me:hunter2@host/" + "x" * NAMESPACE_BYTES
    assert "hunter2" not in str(refused(run_event(job={"namespace": url, "name": "j"})))
    owners = {"owners": [{"name": "a", "password": "hunter2"}], "_deleted": "hunter2 token=abcdef"}
    refusal = refused(
        run_event(job={"namespace": "n", "name": "j", "facets": {"ownership": owners}})
    )
    assert refusal.path == "$.job.facets.ownership._deleted"
    assert "abcdef" not in str(refusal)
