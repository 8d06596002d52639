"""Starting runs and backfills. The key of a request is in the run's own id: asking twice is harmless."""

from __future__ import annotations

import hashlib
import re
from http import HTTPStatus
from typing import Final

from adapters.airflow.api import Api, seg
from adapters.airflow.events import Place, stamp
from adapters.airflow.wire import Backfill, Backfills, DagRun
from adapters.base import Answer
from hub.errors import Conflict, Unavailable
from hub.ports import BackfillPlan, Json, Launched, LaunchRequest

#: What Airflow allows in a run id unless it is told otherwise ([scheduler] allowed_run_id_pattern).
_ALLOWED: Final = re.compile(r"[A-Za-z0-9_.~:+-]{1,200}")
_KEY: Final = "trackside_key"


def run_id_of(key: str) -> str:
    """The Dag run's id, always the same for the same key."""
    if not _ALLOWED.fullmatch(key):
        key = hashlib.sha256(key.encode()).hexdigest()
    return f"trackside__{key}"


def launch(api: Api, request: LaunchRequest) -> Launched:
    """Starts a run, or finds the one that was started before.

    A Dag that is paused or busy takes the run and leaves it queued.
    """
    path = f"/dags/{seg(request.job.name)}/dagRuns"
    answer = api.ask("POST", path, json=_body(api, request), repeat=True)
    if answer.status == HTTPStatus.CONFLICT:
        return _found(api, request)
    if not answer.ok:
        raise _refusal(api, answer, path, request)
    return _launched(api, request, again=False)


def find_launched(api: Api, request: LaunchRequest) -> Launched | None:
    row = api.find(f"/dags/{seg(request.job.name)}/dagRuns/{seg(run_id_of(request.key))}", DagRun)
    return None if row is None else _launched(api, request, again=True)


def _body(api: Api, request: LaunchRequest) -> Json:
    body: Json = {"dag_run_id": run_id_of(request.key), "conf": dict(request.conf)}
    if request.note:
        body["note"] = request.note
    if not api.is_old:
        body["logical_date"] = None
    if request.partition is not None:
        if api.is_old:
            raise Unavailable("Airflow 2 has no partitions: launch without one", permanent=True)
        body["partition_key"] = request.partition
    return body


def _found(api: Api, request: LaunchRequest) -> Launched:
    """409: our run is there, or another one that does not let it in; both answers look the same."""
    path = f"/dags/{seg(request.job.name)}/dagRuns/{seg(run_id_of(request.key))}"
    row = api.find(path, DagRun)
    if row is None:
        raise Unavailable(f"{request.job.name} has another run for the same logical date")
    if (row.conf or {}) != dict(request.conf):
        raise Conflict(f"{row.dag_run_id} of {row.dag_id} was started before with another conf")
    return _launched(api, request, again=True)


def _launched(api: Api, request: LaunchRequest, *, again: bool) -> Launched:
    run = run_id_of(request.key)
    url = Place(request.job.namespace, api.url, api.is_old).page(request.job.name, run)
    return Launched(request.key, run, url, again)


def _refusal(api: Api, answer: Answer, path: str, request: LaunchRequest) -> Unavailable:
    if answer.status == HTTPStatus.NOT_FOUND:
        mend = "there is no such Dag, or its file can't be read; see its import errors"
    elif answer.status == HTTPStatus.FORBIDDEN:
        mend = "give the user the role User (or `can create` on Dag Runs): it may not start runs"
    elif request.partition is not None and answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        mend = "partitions need Airflow 3.2 or later"
    else:
        return api.failure(answer, path)
    return api.http.failure(answer, api.base + path, mend)


def backfill(api: Api, plan: BackfillPlan) -> Launched:
    """One of Airflow's own backfills (3.x); a Dag has only one at a time."""
    if api.is_old:
        raise Unavailable("Airflow 2 has no backfills in its API: use its CLI", permanent=True)
    if plan.start is None or plan.end is None:
        raise Unavailable("a backfill of Airflow needs a start and an end", permanent=True)
    if (earlier := _backfill_of(api, plan)) is not None:
        return Launched(plan.key, str(earlier.id), again=True)
    body = {
        "dag_id": plan.job.name,
        "from_date": stamp(plan.start),
        "to_date": stamp(plan.end),
        "reprocess_behavior": "completed" if plan.rerun else "none",
        "dag_run_conf": {_KEY: plan.key},
    }
    answer = api.ask("POST", "/backfills", json=body)
    if answer.status == HTTPStatus.CONFLICT:
        raise Unavailable(
            f"a backfill of {plan.job.name} is running; another one has to wait for it"
        )
    return Launched(plan.key, str(api.read(answer, "/backfills", Backfill).id))


def _backfill_of(api: Api, plan: BackfillPlan) -> Backfill | None:
    params = {"dag_id": plan.job.name, "order_by": "-id", "limit": 100}
    known = api.get("/backfills", Backfills, params).backfills
    return next((one for one in known if (one.dag_run_conf or {}).get(_KEY) == plan.key), None)
