"""Running once more what failed of a Dag run: a clear, after which the same run goes on.

Airflow gives a clear no id of ours. A run that has not failed any more, or has failed later, was
cleared before, by us or by somebody else: that is as good.
"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from adapters.airflow.api import Api, seg
from adapters.airflow.events import Place
from adapters.airflow.wire import DagRun, TaskInstances
from hub.errors import Declined
from hub.ports import FailedRun, Launched, LaunchRequest

#: The end that a sender told may be a little before the one that Airflow keeps.
_NEAR: Final = timedelta(seconds=1)


def rerun(api: Api, request: LaunchRequest, failed: FailedRun) -> Launched:
    """Declined where there is nothing to clear."""
    if (earlier := find_rerun(api, request, failed)) is not None:
        return earlier
    path = f"/dags/{seg(request.job.name)}/clearTaskInstances"
    body = {
        "dry_run": False,
        "dag_run_id": failed.natural_id,
        "only_failed": True,
        "reset_dag_runs": True,
    }
    answer = api.ask("POST", path, json=body)
    if answer.status == HTTPStatus.FORBIDDEN:
        mend = "give the user the role User (or `can edit` on Task Instances): it may not clear"
        raise api.http.failure(answer, api.base + path, mend)
    if not api.read(answer, path, TaskInstances).task_instances:
        raise Declined(f"no task of {failed.natural_id} has failed: there is nothing to clear")
    return _launched(api, request, failed, again=False)


def find_rerun(api: Api, request: LaunchRequest, failed: FailedRun) -> Launched | None:
    path = f"/dags/{seg(request.job.name)}/dagRuns/{seg(failed.natural_id)}"
    row = api.find(path, DagRun)
    if row is None:
        raise Declined(f"the run {failed.natural_id} of {request.job.name} is gone")
    end = row.end_date or failed.ended_at
    if row.state == "failed" and end <= failed.ended_at + _NEAR:
        return None
    return _launched(api, request, failed, again=True)


def _launched(api: Api, request: LaunchRequest, failed: FailedRun, *, again: bool) -> Launched:
    place = Place(request.job.namespace, api.url, api.is_old)
    url = place.page(request.job.name, failed.natural_id)
    return Launched(request.key, failed.natural_id, url, again)
