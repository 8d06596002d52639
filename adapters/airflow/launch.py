"""Starting runs. The key of a request is in the run's own id: asking twice is harmless.

Airflow takes a run of a Dag that is paused and leaves it queued without a word, so that is asked
for first.
"""

from __future__ import annotations

import hashlib
import re
from http import HTTPStatus
from typing import Final

from adapters.airflow.api import Api, seg
from adapters.airflow.asset_events import find_event, write_event
from adapters.airflow.events import Place
from adapters.airflow.reruns import find_rerun, rerun
from adapters.airflow.wire import Dag, DagRun
from adapters.base import Answer
from hub.errors import Conflict, NotReady, Unavailable
from hub.ports import Json, Launched, LaunchKind, LaunchRequest

#: What Airflow allows in a run id unless it is told otherwise ([scheduler] allowed_run_id_pattern).
_ALLOWED: Final = re.compile(r"[A-Za-z0-9_.~:+-]{1,200}")
_OPENLINEAGE: Final = "openlineage"


def run_id_of(key: str) -> str:
    """The Dag run's id, always the same for the same key."""
    if not _ALLOWED.fullmatch(key):
        key = hashlib.sha256(key.encode()).hexdigest()
    return f"trackside__{key}"


def launch(api: Api, request: LaunchRequest) -> Launched:
    """Starts a run, or finds the one that was started before.

    A Dag that is busy takes the run and leaves it queued; one that is paused, or whose file can't be
    read, is NotReady.
    """
    if request.kind is LaunchKind.ASSET_EVENT:
        return write_event(api, request)
    expect_ready(api, request.job.name)
    if request.failed is not None:
        return rerun(api, request, request.failed)
    path = f"/dags/{seg(request.job.name)}/dagRuns"
    answer = api.ask("POST", path, json=_body(api, request), repeat=True)
    if answer.status == HTTPStatus.CONFLICT:
        return _found(api, request)
    if not answer.ok:
        raise _refusal(api, answer, path, request)
    return _launched(api, request, again=False)


def find_launched(api: Api, request: LaunchRequest) -> Launched | None:
    if request.kind is LaunchKind.ASSET_EVENT:
        return find_event(api, request)
    if request.failed is not None:
        return find_rerun(api, request, request.failed)
    row = api.find(f"/dags/{seg(request.job.name)}/dagRuns/{seg(run_id_of(request.key))}", DagRun)
    return None if row is None else _launched(api, request, again=True)


def _body(api: Api, request: LaunchRequest) -> Json:
    body: Json = {"dag_run_id": run_id_of(request.key), "conf": _conf(request)}
    if request.note:
        body["note"] = request.note
    if not api.is_old:
        body["logical_date"] = None
    if request.partition is not None:
        if api.is_old:
            raise Unavailable("Airflow 2 has no partitions: launch without one", permanent=True)
        body["partition_key"] = request.partition
    return body


def _conf(request: LaunchRequest) -> Json:
    """With what the OpenLineage provider reads as the parent of the run, as TriggerDagRun sets it."""
    cause = request.cause
    if cause is None or _OPENLINEAGE in request.conf:
        return dict(request.conf)
    told = {
        "parentRunId": cause.run_id,
        "parentJobNamespace": cause.job.namespace,
        "parentJobName": cause.job.name,
        "rootParentRunId": cause.run_id,
        "rootParentJobNamespace": cause.job.namespace,
        "rootParentJobName": cause.job.name,
    }
    return {**request.conf, _OPENLINEAGE: told}


def _own(conf: Json) -> Json:
    """A conf without what we have put into it."""
    return {name: value for name, value in conf.items() if name != _OPENLINEAGE}


def expect_ready(api: Api, name: str) -> None:
    """Raises NotReady for a Dag that is paused, or can't be read."""
    dag = api.find(f"/dags/{seg(name)}", Dag)
    if dag is None or dag.gone:
        raise missing(name)
    if dag.is_paused:
        raise NotReady(f"the Dag {name} is paused: unpause it, or cancel the launch")


def missing(name: str) -> NotReady:
    return NotReady(f"there is no Dag {name}, or its file can't be read; see its import errors")


def _found(api: Api, request: LaunchRequest) -> Launched:
    """409: our run is there, or another one that does not let it in; both answers look the same."""
    path = f"/dags/{seg(request.job.name)}/dagRuns/{seg(run_id_of(request.key))}"
    row = api.find(path, DagRun)
    if row is None:
        raise Unavailable(f"{request.job.name} has another run for the same logical date")
    if _own(row.conf or {}) != _own(request.conf):
        raise Conflict(f"{row.dag_run_id} of {row.dag_id} was started before with another conf")
    return _launched(api, request, again=True)


def _launched(api: Api, request: LaunchRequest, *, again: bool) -> Launched:
    run = run_id_of(request.key)
    url = Place(request.job.namespace, api.url, api.is_old).page(request.job.name, run)
    return Launched(request.key, run, url, again)


def _refusal(api: Api, answer: Answer, path: str, request: LaunchRequest) -> Unavailable:
    if answer.status == HTTPStatus.NOT_FOUND:
        return missing(request.job.name)
    if answer.status == HTTPStatus.FORBIDDEN:
        mend = "give the user the role User (or `can create` on Dag Runs): it may not start runs"
    elif request.partition is not None and answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        mend = "partitions need Airflow 3.2 or later"
    else:
        return api.failure(answer, path)
    return api.http.failure(answer, api.base + path, mend)
