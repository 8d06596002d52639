"""Node ids and every way to read them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.api.node_ids import Node, NodeType, Reading, job_id, parse
from hub.errors import BadInput
from hub.model import EntityName

PART = st.text(st.characters(exclude_characters="#%\0", exclude_categories=["Cs"]), min_size=1)


def readings(text: str) -> list[tuple[str, str]]:
    return [(each.namespace, each.name) for each in parse(text).entities]


def test_the_longest_namespace_is_the_likeliest() -> None:
    assert readings("dataset:postgres://db:5432:public.orders") == [
        ("postgres://db:5432", "public.orders"),
        ("postgres://db", "5432:public.orders"),
        ("postgres", "//db:5432:public.orders"),
    ]


def test_percent_encoded_parts_are_read_both_ways() -> None:
    assert readings("job:a%3A%2F%2Fb:c%20d") == [("a%3A%2F%2Fb", "c%20d"), ("a://b", "c d")]


def test_a_version_behind_the_name_is_taken_off() -> None:
    node = parse("dataset:a:b#0a000000-0000-4000-8000-000000000001")
    assert node.entities == [EntityName("a", "b")]
    assert str(node.version) == "0a000000-0000-4000-8000-000000000001"
    assert readings("job:a:b#c") == [("a", "b#c")]


def test_a_column_has_its_field_last() -> None:
    assert Reading(EntityName("s3://b", "t"), "c") in parse("datasetField:s3://b:t:c").readings


@pytest.mark.parametrize("text", ["", "job", "job:", "job:a", "job::b", "table:a:b", "run:x"])
def test_what_is_no_node_id_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput):
        parse(text)


@given(st.builds(EntityName, PART, PART))
def test_our_own_ids_are_read_back(name: EntityName) -> None:
    if f"{name.namespace}:{name.name}".count(":") < 20:
        node = parse(job_id(name))
        assert node.type is NodeType.JOB
        assert name in node.entities


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadInput):
        assert isinstance(parse(f"dataset:{text}"), Node)
