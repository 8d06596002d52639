"""Starting runs. Prefect itself starts no second run of a flow for an idempotency key."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from adapters.base import Answer
from adapters.prefect.api import Api, any_of, seg
from adapters.prefect.events import PARTITION, Place
from adapters.prefect.wire import Deployment, FlowRun
from hub.errors import Declined, NotReady, Unavailable
from hub.ports import Json, Launched, LaunchKind, LaunchRequest

_NOTE: Final = 500


def launch(api: Api, place: Place, request: LaunchRequest) -> Launched:
    """Starts a run of a deployment, or finds the one that was started with this key.

    A deployment whose schedule is paused takes runs all the same.
    """
    if request.kind is LaunchKind.ASSET_EVENT:
        raise Declined("Prefect takes no updates of assets from outside: launch a deployment")
    if request.failed is not None:
        raise Declined("Prefect runs nothing once more by itself: launch it anew (anew: true)")
    deployment = _deployment(api, request.job.name)
    path = f"/deployments/{deployment.id}/create_flow_run"
    answer = api.http.ask("POST", path, json=_body(request), repeat=True)
    if not answer.ok:
        raise _refusal(api, answer, path, request)
    row = api.read(answer, path, FlowRun)
    return _told(request, row, place, again=answer.status == HTTPStatus.OK)


def find_launched(api: Api, place: Place, request: LaunchRequest) -> Launched | None:
    flow = request.job.name.partition("/")[0]
    wanted = {
        "flow_runs": {"idempotency_key": any_of([request.key])},
        "flows": {"name": any_of([flow])},
    }
    rows, _ = api.page("/flow_runs/filter", FlowRun, wanted)
    return _told(request, rows[0], place, again=True) if rows else None


def _told(request: LaunchRequest, row: FlowRun, place: Place, *, again: bool) -> Launched:
    return Launched(request.key, str(row.id), place.url(row), again)


def _deployment(api: Api, name: str) -> Deployment:
    """`<flow>/<deployment>`; of a flow that has one deployment its name is enough."""
    flow, _, deployment = name.partition("/")
    if deployment:
        found = api.find(f"/deployments/name/{seg(flow)}/{seg(deployment)}", Deployment)
        if found is None:
            raise NotReady(f"there is no deployment {name!r}: deploy it, or cancel the launch")
        return found
    rows, _ = api.page("/deployments/filter", Deployment, {"flows": {"name": any_of([flow])}})
    if not rows:
        raise NotReady(f"the flow {flow!r} has no deployment: deploy it, or cancel the launch")
    if len(rows) > 1:
        names = ", ".join(sorted(f"{flow}/{row.name}" for row in rows)[:5])
        raise Unavailable(
            f"the flow {flow!r} has several deployments ({names}): say which", permanent=True
        )
    return rows[0]


def _body(request: LaunchRequest) -> Json:
    body: Json = {"idempotency_key": request.key, "parameters": dict(request.conf)}
    tags = ["trackside"]
    if request.partition is not None:
        tags.append(f"{PARTITION}{request.partition}")
    labels = {"trackside.note": request.note[:_NOTE]} if request.note else {}
    if (cause := request.cause) is not None:
        labels["trackside.cause_run"] = cause.run_id
        labels["trackside.cause_job"] = f"{cause.job.namespace}/{cause.job.name}"
    return body | {"tags": tags} | ({"labels": labels} if labels else {})


def _refusal(api: Api, answer: Answer, path: str, request: LaunchRequest) -> Unavailable:
    if answer.status == HTTPStatus.NOT_FOUND:
        return NotReady(f"the deployment {request.job.name!r} was just deleted")
    if answer.status in {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}:
        mend = "the conf of a launch are the flow's parameters: mend them"
        return api.http.failure(answer, path, mend)
    return api.failure(answer, path)
