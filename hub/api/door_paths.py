"""The door in the OpenAPI document; written by hand, as it stands in front of FastAPI."""

from __future__ import annotations

from typing import Any, Final

from hub.api.errors import DOOR_RESPONSES

_Json = dict[str, Any]

_EVENT: Final[_Json] = {
    "type": "object",
    "description": "A RunEvent, JobEvent or DatasetEvent of OpenLineage",
    "externalDocs": {"url": "https://openlineage.io/spec/2-0-2/OpenLineage.json"},
}
_OBSERVATION: Final[_Json] = {"type": "object", "description": "What a poller or an engine saw"}
_COUNT: Final[_Json] = {"type": "integer", "minimum": 0}
_ACCEPTED: Final[_Json] = {
    "type": "object",
    "required": ["accepted"],
    "properties": {"accepted": _COUNT},
}
_FAILED: Final[_Json] = {
    "type": "object",
    "required": ["index", "reason", "retriable"],
    "properties": {
        "index": _COUNT,
        "reason": {"type": "string"},
        "retriable": {"type": "boolean"},
    },
}
_COUNTED: Final = ("received", "successful", "failed", "retriable", "non_retriable")
_SUMMARY: Final[_Json] = {
    "type": "object",
    "required": ["status", "summary", "failed_events"],
    "properties": {
        "status": {"enum": ["success", "partial_success"]},
        "summary": {
            "type": "object",
            "required": list(_COUNTED),
            "properties": dict.fromkeys(_COUNTED, _COUNT),
        },
        "failed_events": {"type": "array", "items": _FAILED},
    },
}
_ORCHESTRATOR: Final[_Json] = {
    "name": "orchestrator",
    "in": "query",
    "required": False,
    "schema": {"type": "string"},
    "description": "Whose observations these are",
}


_PREFIX: Final[_Json] = {
    "name": "prefix",
    "in": "query",
    "required": False,
    "schema": {"type": "string"},
    "description": "In front of their names, `airflow` if not told",
}
_CHECK: Final[_Json] = {
    "type": "object",
    "required": ["dataset", "name", "status"],
    "additionalProperties": False,
    "properties": {
        "dataset": {
            "type": "object",
            "required": ["namespace", "name"],
            "properties": {"namespace": {"type": "string"}, "name": {"type": "string"}},
        },
        "name": {"type": "string", "minLength": 1},
        "status": {"enum": ["passed", "failed", "skipped"]},
        "partition": {"type": ["string", "null"]},
        "column": {"type": ["string", "null"]},
        "severity": {"enum": ["error", "warn"]},
        "expected": {},
        "actual": {},
        "at": {"type": ["string", "null"], "format": "date-time"},
    },
}
_REPORTED: Final[_Json] = {
    "type": "object",
    "required": ["events", "checks", "failed"],
    "properties": dict.fromkeys(("events", "checks", "failed"), _COUNT),
}
_DOCUMENTS: Final = {
    "dbt": "dbt's artifacts: an object of `manifest`, `run_results` and `sources`.",
    "great-expectations": "A validation or checkpoint result of Great Expectations.",
    "soda": "The scan results of Soda Core.",
}


def door_paths() -> _Json:
    """The paths of the door: one event, many, observations, checks, and results of tools."""
    return {
        "/api/v1/lineage": _post(
            "One OpenLineage event.",
            _EVENT,
            {201: _told("Recorded"), 200: _told("It was there before")},
        ),
        "/api/v1/lineage/batch": _post(
            "A JSON array of OpenLineage events, or one event per line; each for itself.",
            {"type": "array", "items": _EVENT},
            {200: _told("What became of the events", _SUMMARY)},
        ),
        "/api/v1/observations": _post(
            "One observation or an array of them; all are recorded or none.",
            {"oneOf": [_OBSERVATION, {"type": "array", "items": _OBSERVATION}]},
            {201: _told("Recorded", _ACCEPTED)},
            [_ORCHESTRATOR],
        ),
        "/api/v1/otlp/v1/metrics": _post(
            "Metrics of an orchestrator over OTLP/HTTP: protobuf, or JSON.",
            {"type": "object"},
            {200: _told("Recorded")},
            [_ORCHESTRATOR, _PREFIX],
        ),
        "/api/v1/checks": _post(
            "One result of a check of one's own or an array of them; all are recorded or none.",
            {"oneOf": [_CHECK, {"type": "array", "items": _CHECK}]},
            _CHECKED,
        ),
        **{
            f"/api/v1/checks/{tool}": _post(
                f"{what} All of it is recorded or nothing.", {"type": "object"}, _CHECKED, _GIVEN
            )
            for tool, what in _DOCUMENTS.items()
        },
    }


def _post(
    description: str,
    body: _Json,
    told: dict[int | str, _Json],
    parameters: list[_Json] | None = None,
) -> _Json:
    responses = {str(code): each for code, each in sorted((told | DOOR_RESPONSES).items(), key=str)}
    operation: _Json = {
        "tags": ["sending"],
        "summary": description.rstrip("."),
        "description": description + " The body may be gzip.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": responses,
    }
    return {"post": operation | ({"parameters": parameters} if parameters else {})}


def _told(description: str, schema: _Json | None = None) -> _Json:
    content = {"content": {"application/json": {"schema": schema}}} if schema else {}
    return {"description": description, **content}


_CHECKED: Final[dict[int | str, _Json]] = {
    201: _told("Recorded", _REPORTED),
    200: _told("It was there before", _REPORTED),
}
_GIVEN: Final[list[_Json]] = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "schema": schema,
        "description": description,
    }
    for name, schema, description in (
        ("namespace", {"type": "string"}, "Of the datasets, as in postgres://dwh:5432"),
        ("dataset", {"type": "string"}, "What they are called; {table} is the document's name"),
        ("partition", {"type": "string"}, "That the results are of"),
        ("jobNamespace", {"type": "string"}, "Of the jobs that checked them"),
        ("updates", {"type": "boolean"}, "Whether what a tool saw loaded counts as an update"),
    )
]
