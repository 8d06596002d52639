"""Starting executions. A launch's key gives the execution its name, and Flyte has no second one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from adapters.flyte.api import BASE, Api
from adapters.flyte.events import PARTITION, Place
from adapters.flyte.wire import ExecutionId, Plan, Started
from hub.errors import Declined, NotReady, Unavailable
from hub.ports import Json, Launched, LaunchKind, LaunchRequest

_PATH: Final = f"{BASE}/executions"
#: How Flyte calls the types of inputs for which text must be told otherwise.
_PRIMITIVES: Final = {"DATETIME": "datetime", "DURATION": "duration", "STRING": "string_value"}


def launch(api: Api, place: Place, request: LaunchRequest) -> Launched:
    """Starts a launch plan's active version, else its latest; or finds what this key has started."""
    if request.kind is LaunchKind.ASSET_EVENT:
        raise Declined("Flyte takes no updates of datasets: launch a launch plan")
    if request.failed is not None:
        raise Declined("relaunches of Flyte are not asked for: launch it anew (anew: true)")
    project, domain, name = _split(request)
    plan = api.plan(project, domain, name)
    if plan is None:
        told = f"there is no launch plan {name!r} in {project}/{domain}"
        raise NotReady(f"{told}: register it, or cancel the launch")
    answer = api.http.ask("POST", _PATH, json=_body(request, plan), repeat=True)
    if answer.status == HTTPStatus.CONFLICT:
        return _told(request, place, again=True)
    if not answer.ok:
        raise api.http.failure(answer, _PATH, _MEND.get(answer.status, ""))
    api.read(answer, _PATH, Started)
    return _told(request, place, again=False)


def find_launched(api: Api, place: Place, request: LaunchRequest) -> Launched | None:
    project, domain, _ = _split(request)
    row = api.execution(project, domain, name_of(request))
    return None if row is None else _told(request, place, again=True)


def name_of(request: LaunchRequest) -> str:
    """Of the execution: the same for the same key; as long as those that Flyte makes."""
    return f"t{hashlib.blake2b(request.key.encode(), digest_size=10).hexdigest()[:19]}"


def literal(value: Any, kind: str) -> Json:
    """A value as Flyte takes it. kind: of the input, where it is a simple one."""
    if value is None:
        return {"scalar": {"none_type": {}}}
    if isinstance(value, list):
        return {"collection": {"literals": [literal(one, "") for one in value]}}
    if isinstance(value, dict):
        return {"scalar": {"generic": value}}
    return {"scalar": {"primitive": _primitive(value, kind)}}


def _primitive(value: Any, kind: str) -> Json:
    if kind in _PRIMITIVES:
        return {_PRIMITIVES[kind]: str(value)}
    if isinstance(value, bool) or (kind == "BOOLEAN" and value in {"true", "false"}):
        return {"boolean": value in {True, "true"}}
    if kind == "FLOAT" or isinstance(value, float):
        return {"float_value": _number(value)}
    if kind == "INTEGER" or isinstance(value, int):
        return {"integer": str(value)}
    return {"string_value": str(value)}


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Unavailable(
            f"the conf has {value!r} where a number is wanted", permanent=True
        ) from None


def _split(request: LaunchRequest) -> tuple[str, str, str]:
    parts = request.job.name.split("/", 2)
    if len(parts) != 3 or not all(parts):
        wanted = "<project>/<domain>/<launch plan>"
        raise Unavailable(f"{request.job.name!r} is not {wanted}", permanent=True)
    return parts[0], parts[1], parts[2]


def _body(request: LaunchRequest, plan: Plan) -> Json:
    kinds = _kinds(plan)
    literals = {key: literal(value, kinds.get(key, "")) for key, value in request.conf.items()}
    notes = {"trackside/key": request.key, PARTITION: request.partition}
    if request.cause is not None:
        notes["trackside/cause-run"] = request.cause.run_id
    return {
        "project": plan.id.project,
        "domain": plan.id.domain,
        "name": name_of(request),
        "spec": {
            "launch_plan": {
                "resource_type": "LAUNCH_PLAN",
                "project": plan.id.project,
                "domain": plan.id.domain,
                "name": plan.id.name,
                "version": plan.id.version,
            },
            "metadata": {"mode": "MANUAL", "principal": "trackside"},
            "annotations": {"values": {key: value for key, value in notes.items() if value}},
        },
        "inputs": {"literals": literals},
    }


def _kinds(plan: Plan) -> dict[str, str]:
    """Of the inputs that have a simple type."""
    inputs = plan.closure.expected_inputs
    found = (inputs.parameters if inputs is not None else None) or {}
    types = {
        key: one.var.type for key, one in found.items() if one.var is not None and one.var.type
    }
    return {key: kind for key, told in types.items() if isinstance(kind := told.get("simple"), str)}


def _told(request: LaunchRequest, place: Place, *, again: bool) -> Launched:
    project, domain, _ = _split(request)
    key = ExecutionId(project, domain, name_of(request))
    return Launched(request.key, key.name, place.page(key), again)


_MEND: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "the conf of a launch are the launch plan's inputs: mend them",
    HTTPStatus.UNAUTHORIZED: "check `client_id` and `client_secret`, or `token`",
    HTTPStatus.FORBIDDEN: "let the client create executions",
}
