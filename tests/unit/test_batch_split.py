"""A body with many events falls apart into the bytes of each."""

import json

import pytest

from hub.errors import BadInput
from hub.openlineage.batch import split_batch

EVENTS = [b'{"a": 1}', b'{"b": "\\u00e9 }\\n{"}', b'{"c": [1, {"d": null}]}']


@pytest.mark.parametrize("body", [b"", b" \n\t ", b"[]", b" [ ] "])
def test_an_empty_batch_is_a_batch(body: bytes) -> None:
    assert split_batch(body) == []


@pytest.mark.parametrize("blank", [b"", b"\n", b" \r\n"])
def test_an_array_falls_into_its_items_as_they_came(blank: bytes) -> None:
    assert split_batch(blank + b"[" + b",\n ".join(EVENTS) + b"]" + blank) == EVENTS


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\n\n", b"\n  \n"])
def test_lines_fall_apart_with_or_without_one_at_the_end(newline: bytes) -> None:
    assert split_batch(newline.join(EVENTS)) == EVENTS
    assert split_batch(newline.join(EVENTS) + newline) == EVENTS


def test_one_object_is_a_batch_of_one() -> None:
    assert split_batch(EVENTS[0]) == [EVENTS[0]]
    pretty = json.dumps({"a": {"b": {}}, "c": 1}, indent=1).encode()
    assert split_batch(pretty) == [pretty]


def test_a_bad_line_does_not_spoil_the_others() -> None:
    assert split_batch(b'{"a": 1}\nnonsense\n{"b": \n') == [b'{"a": 1}', b"nonsense", b'{"b":']


def test_a_bad_item_of_an_array_is_left_to_its_decoder() -> None:
    assert split_batch(b'[{"a": 1}, 5, "x"]') == [b'{"a": 1}', b"5", b'"x"']


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/jsonl; charset=utf-8"])
def test_said_to_be_lines_it_is_split_whatever_they_are(kind: str) -> None:
    assert split_batch(b"nonsense\n{}", kind) == [b"nonsense", b"{}"]


@pytest.mark.parametrize("body", [b"5", b'"x"', b"null", b"event=1", b"\xff\xfe", b"<xml/>"])
def test_what_is_neither_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput) as refusal:
        split_batch(body)
    assert refusal.value.path == "$"
    assert "array" in refusal.value.expected


@pytest.mark.parametrize("body", [b"[", b"[{}", b"[{},]", b"[}", b"[" * 100_000, b'["\xff"]x'])
def test_a_broken_array_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        split_batch(body)


def test_a_lone_surrogate_or_nan_spoils_only_its_own_event() -> None:
    surrogate = rb'[{"a": 1}, {"b": "\ud800"}, {"a": 1}]'
    assert split_batch(surrogate) == [b'{"a": 1}', rb'{"b": "\ud800"}', b'{"a": 1}']
    assert split_batch(b'[{"a": 1}, {"b": NaN}]') == [b'{"a": 1}', b'{"b": NaN}']
