"""What the chart makes for operators is as their CRDs want it, to the last name."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.helm import CHART, rendered
from tests.support.operators import MODELS, complaints

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not shutil.which("node"), reason="Debian's nodejs is not installed"),
]

Object = dict[str, Any]


@pytest.fixture(scope="module")
def theirs() -> list[Object]:
    """Of every set of values."""
    return [
        each
        for path in sorted((CHART / "ci").glob("*.yaml"))
        for each in rendered("--values", str(path))
        if each["kind"] in MODELS
    ]


def test_each_object_for_an_operator_is_what_its_definition_says(theirs: list[Object]) -> None:
    assert {each["kind"] for each in theirs} == MODELS.keys()
    assert complaints(theirs) == ""


def _misspelt(one: Object) -> None:
    one["spec"]["endpoints"][0]["intervall"] = "15s"


def _of_another_type(one: Object) -> None:
    one["spec"]["endpoints"][0]["port"] = 8080


def _of_no_pattern(one: Object) -> None:
    one["spec"]["endpoints"][0]["interval"] = "15 seconds"


def _lacking(one: Object) -> None:
    del one["spec"]["endpoints"]


@pytest.mark.parametrize("spoil", [_misspelt, _of_another_type, _of_no_pattern, _lacking])
def test_it_would_find_what_an_operator_does_not_take(
    spoil: Callable[[Object], None], theirs: list[Object]
) -> None:
    monitor = copy.deepcopy(next(each for each in theirs if each["kind"] == "ServiceMonitor"))
    spoil(monitor)
    assert complaints([monitor])
