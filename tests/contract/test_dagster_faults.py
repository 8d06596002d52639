"""A Dagster that answers badly: each fault ends in an error that helps, or in nothing lost."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from adapters.dagster import queries
from adapters.dagster.queries import reports, ticks
from adapters.dagster.syntax import parse
from hub.errors import Unavailable
from hub.model import HealthObserved, HealthStatus
from hub.ports import SecretRef
from tests.support.fake_dagster import (
    NOW,
    FakeDagster,
    FakeKnown,
    detail,
    pulse,
    run_row,
    runs_answer,
)

Json = dict[str, Any]
KNOWN = FakeKnown()
TEXTS = {
    name: text
    for name, text in vars(queries).items()
    if name.isupper() and not name.startswith("_")
} | {"TICKS": ticks(3), "REPORTS": reports(2)}


def observe(fake: FakeDagster, cursor: Json | None = None, **config: Any) -> Any:
    return fake.adapter(**config).observe(cursor or {}, NOW, KNOWN)


def refused(fake: FakeDagster, **config: Any) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        observe(fake, **config)
    return caught.value


# -- fields that the server doesn't know -----------------------------------------------------------


def type_named(name: str, **fields: str) -> Json:
    rows = [{"name": f, "args": [], "type": {"name": kind}} for f, kind in fields.items()]
    return {"name": name, "possibleTypes": None, "fields": rows}


#: A server that knows of runs, but neither tags nor origins nor pools.
OLD_SCHEMA = {
    "__schema": {
        "queryType": {"name": "Query"},
        "mutationType": {"name": "Mutation"},
        "types": [
            {
                "name": "Query",
                "possibleTypes": None,
                "fields": [
                    {"name": "version", "args": [], "type": {"name": "String"}},
                    {
                        "name": "runsOrError",
                        "args": [{"name": "filter"}, {"name": "cursor"}, {"name": "limit"}],
                        "type": {"name": None, "ofType": {"name": "RunsOrError"}},
                    },
                ],
            },
            {"name": "RunsOrError", "fields": None, "possibleTypes": [{"name": "Runs"}]},
            type_named("Runs", count="Int", results="Run"),
            type_named(
                "Run",
                runId="String",
                status="RunStatus",
                jobName="String",
                creationTime="Float",
                startTime="Float",
                endTime="Float",
                updateTime="Float",
            ),
        ],
    }
}


class OldDagster(FakeDagster):
    """Refuses each query that asks for what is not in its schema."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        query = json.loads(request.content)["query"]
        if "TracksideSchema" in query:
            self.asked.append(("Schema", {}))
            return httpx.Response(200, json={"data": OLD_SCHEMA})
        unknown = re.search(r"\b(tags|repositoryOrigin|workspaceOrError|instance|stats)\b", query)
        if unknown:
            self.asked.append(("Refused", {}))
            text = f"Cannot query field '{unknown[1]}' on type 'Run'."
            return httpx.Response(400, json={"data": None, "errors": [{"message": text}]})
        return super().__call__(request)


def test_unknown_fields_are_left_out_and_the_rest_is_read() -> None:
    fake = OldDagster(Jobs={"repositoriesOrError": {"__typename": "RepositoryConnection"}})
    fake.rows = [run_row()]
    adapter = fake.adapter()
    document = parse(queries.RUNS)
    told = adapter._graphql._told(
        document, {"filter": {"updatedAfter": 0}, "limit": 5}, repeat=True
    )
    assert [run["runId"] for run in told.data["runsOrError"]["results"]] == [fake.rows[0]["runId"]]
    assert fake.names() == ["Refused", "Schema", "Runs"]


def test_the_schema_is_asked_for_once() -> None:
    fake = OldDagster()
    adapter, variables = fake.adapter(), {"filter": {"updatedAfter": 0}, "limit": 5}
    for _ in range(2):
        adapter._graphql._told(parse(queries.RUNS), variables, repeat=True)
    assert fake.names().count("Schema") == 1
    assert fake.names().count("Refused") == 1


def test_variables_that_lost_their_use_are_not_sent() -> None:
    document = parse("query TracksideX($a: Int, $b: Int) { x(p: $a) y(p: $b) { z } }")
    left = parse("query TracksideX($a: Int, $b: Int) { x(p: $a) }")
    assert document.variables_used({"a": 1, "b": 2}) == {"a": 1, "b": 2}
    assert left.variables_used({"a": 1, "b": 2}) == {"a": 1}
    assert "$b" not in left.render()


def test_a_query_that_is_wrong_all_the_same_is_told_with_what_dagster_said() -> None:
    errors = [{"message": "Variable '$filter' got an invalid value"}]
    fake = FakeDagster(
        Pulse=httpx.Response(400, json={"data": None, "errors": errors}),
        Schema=httpx.Response(400, json={"data": None, "errors": errors}),
    )
    error = refused(fake)
    assert error.permanent
    assert "Variable '$filter' got an invalid value" in str(error)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_each_of_our_queries_says_the_same_when_written_anew(name: str) -> None:
    document = parse(TEXTS[name])
    again = parse(document.render())
    assert again == document
    assert set(document.variables) == set(re.findall(r"\$\w+", TEXTS[name]))


# -- errors ----------------------------------------------------------------------------------------


def test_a_status_500_with_data_is_an_answer() -> None:
    broken = {"__typename": "PythonError", "message": "the code server is gone"}
    told = pulse(workspaceOrError=broken)
    error = refused(FakeDagster(Pulse=httpx.Response(500, json={"data": told})))
    assert "PythonError instead of Workspace" in str(error)
    assert "the code server is gone" in str(error)
    assert not error.permanent


def test_a_run_that_dagster_can_not_tell_about_does_not_hide_the_others() -> None:
    rows = [run_row(runId=f"{i}1111111-1111-4111-8111-111111111111") for i in range(1, 4)]

    def details(variables: Json) -> Json | httpx.Response:
        if rows[1]["runId"] in variables["filter"]["runIds"]:
            return httpx.Response(500, json={"data": None, "errors": [{"message": "broken row"}]})
        found = [detail(row) for row in rows if row["runId"] in variables["filter"]["runIds"]]
        return {"runsOrError": {"__typename": "Runs", "results": found}}

    fake = FakeDagster(Details=details)
    fake.rows = rows
    told = observe(fake)
    assert {event["run"]["runId"] for event in told.events} == {row["runId"] for row in rows}
    (found,) = [
        one
        for one in told.observations
        if isinstance(one, HealthObserved) and one.part == "run details"
    ]
    assert found.status is HealthStatus.DEGRADED
    assert rows[1]["runId"] in (found.detail or "")


@pytest.mark.parametrize(
    ("status", "mend"), [(401, "user token"), (403, "role Viewer"), (404, "with the deployment")]
)
def test_a_refusal_says_what_to_change(status: int, mend: str) -> None:
    error = refused(FakeDagster(Pulse=httpx.Response(status, text="no")))
    assert error.permanent
    assert mend in str(error)


def test_a_typed_refusal_is_permanent() -> None:
    told = {"__typename": "UnauthorizedError", "message": "not yours"}
    error = refused(FakeDagster(Runs={"runsOrError": told}))
    assert error.permanent
    assert "not yours" in str(error)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"runId": None}, "$.runsOrError.results[0].runId"),
        ({"status": 7}, "status"),
        ({"creationTime": "yesterday"}, "creationTime"),
        ({"tags": "none"}, "tags"),
        ({"tags": [{"value": "x"}]}, "tags"),
    ],
)
def test_a_wrong_shape_names_the_field(change: Json, path: str) -> None:
    fake = FakeDagster(Runs=runs_answer([run_row(**change)]))
    error = refused(fake)
    assert path in str(error)
    assert "(TracksideRuns)" in str(error)


def test_a_missing_and_an_unknown_field_do_no_harm() -> None:
    row = run_row(somethingNew={"a": 1})
    del row["repositoryOrigin"], row["tags"]
    fake = FakeDagster()
    fake.rows = [row]
    assert len(observe(fake).events) == 1


# -- secrets ---------------------------------------------------------------------------------------


def test_the_token_is_sent_and_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_TOKEN", "s3cr3t-token")
    fake = FakeDagster(Pulse=httpx.Response(401, text="bad token"))
    error = refused(fake, token="env:DAGSTER_TOKEN", headers={"X-Proxy": "env:DAGSTER_TOKEN"})
    assert fake.headers[0]["Dagster-Cloud-Api-Token"] == "s3cr3t-token"
    assert fake.headers[0]["X-Proxy"] == "s3cr3t-token"
    assert "s3cr3t" not in str(error)


def test_a_rotated_token_is_picked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeDagster()
    adapter = fake.adapter(token=SecretRef.parse("env:DAGSTER_TOKEN"))
    for token in ("first", "second"):
        monkeypatch.setenv("DAGSTER_TOKEN", token)
        adapter.observe({}, NOW, KNOWN)
    sent = [headers["Dagster-Cloud-Api-Token"] for headers in fake.headers]
    assert {"first", "second"} == set(sent)
    assert sent == sorted(sent)
