"""Starting runs of pipelines. Kubeflow keeps no keys apart: a launch is found by its run's name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from adapters.kubeflow.api import RUNS, Api
from adapters.kubeflow.events import Place
from adapters.kubeflow.wire import Run
from hub.errors import Declined, NotReady
from hub.ports import Json, Launched, LaunchKind, LaunchRequest


def launch(api: Api, place: Place, request: LaunchRequest, experiment: str | None) -> Launched:
    """Starts a run of a pipeline's latest version, or finds the one that was started with this key."""
    if request.kind is LaunchKind.ASSET_EVENT:
        raise Declined("Kubeflow takes no updates of datasets: launch a pipeline")
    if request.failed is not None:
        raise Declined("retries of Kubeflow are not asked for: launch it anew (anew: true)")
    if (earlier := find_launched(api, place, request)) is not None:
        return earlier
    body = _body(api, request) | ({"experiment_id": experiment} if experiment else {})
    answer = api.http.ask("POST", RUNS, json=body, repeat=False)
    if not answer.ok:
        raise api.http.failure(answer, RUNS, _MEND.get(answer.status, ""))
    return _told(request, api.read(answer, RUNS, Run), place, again=False)


def find_launched(api: Api, place: Place, request: LaunchRequest) -> Launched | None:
    rows = api.called(name_of(request))
    return _told(request, rows[0], place, again=True) if rows else None


def name_of(request: LaunchRequest) -> str:
    """Of the run: the same for the same key."""
    digest = hashlib.blake2b(request.key.encode(), digest_size=8).hexdigest()
    return f"{request.job.name[:80]} {request.partition or ''}".strip() + f" {digest}"


def _body(api: Api, request: LaunchRequest) -> Json:
    pipeline = api.pipeline_called(request.job.name)
    if pipeline is None:
        told = f"there is no pipeline {request.job.name!r}: upload it, or cancel the launch"
        raise NotReady(f"{told} (a recurring run is launched as its pipeline)")
    return {
        "display_name": name_of(request),
        "description": request.note[:500] or "launched by trackside",
        "pipeline_version_reference": {"pipeline_id": pipeline.pipeline_id},
        "runtime_config": {"parameters": dict(request.conf)},
    }


def _told(request: LaunchRequest, row: Run, place: Place, *, again: bool) -> Launched:
    return Launched(request.key, row.run_id, place.page(row.run_id), again)


_MEND: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "the conf of a launch are the pipeline's parameters: mend them; where "
    "Kubeflow serves several users, set `experiment_id`",
    HTTPStatus.UNAUTHORIZED: "check `token`",
    HTTPStatus.FORBIDDEN: "let the service account of `token` create runs",
}
