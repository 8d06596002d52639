"""Every made-up event is valid by the schemas of OpenLineage, where those are at hand."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from hub.demo import simulate
from tests.support.samples import shared

NOW = datetime(2026, 11, 19, 13, 7, 31, tzinfo=UTC)
#: Facets whose schema describes a shape by oneOf of itself and its parts.
WHOLE = {"subset"}


@pytest.fixture(scope="module")
def registry() -> Registry[Any]:
    schemas = [
        json.loads(p.read_bytes()) for p in shared("spec/facets/*.json", "spec/OpenLineage.json")
    ]
    pairs = [(schema["$id"], Resource.from_contents(schema)) for schema in schemas]
    return Registry().with_resources(pairs)


def facets(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(JSON path, facet) of all facets of an event."""
    holders = {"run": event.get("run"), "job": event.get("job"), "dataset": event.get("dataset")}
    for side in ("inputs", "outputs"):
        holders |= {f"{side}[{i}]": one for i, one in enumerate(event.get(side, ()))}
    for where, holder in holders.items():
        for kind in ("facets", "inputFacets", "outputFacets"):
            for name, facet in (holder or {}).get(kind, {}).items():
                yield f"{where}.{kind}.{name}", facet


def one_of_each(events: list[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Events of the same job, type and facets have the same shape; one of them will do."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for event in events:
        shape = sorted(where for where, _ in facets(event))
        found[(event.get("job") or event["dataset"])["name"], event["schemaURL"], *shape] = event
    return found


def test_events_are_valid(registry: Registry[Any]) -> None:
    validators: dict[str, Draft202012Validator] = {}

    def errors(url: str, value: object) -> list[str]:
        if url not in validators:
            validators[url] = Draft202012Validator({"$ref": url}, registry=registry)
        return [f"{e.json_path} {e.message}" for e in validators[url].iter_errors(value)]

    samples = one_of_each(list(simulate(NOW)))
    assert len(samples) > 50
    for event in samples.values():
        assert not errors(event["schemaURL"], event)
        for where, facet in facets(event):
            assert not errors(facet["_schemaURL"], facet), where
