"""Airflow's own backfills (3.x): runs for a stretch of time, as its timetable has them.

A backfill has no id of ours: its conf carries the key, is looked for, and its runs carry it too. A
Dag has one at a time. Airflow fills a stretch as its timetable says, and leaves out what runs, so it
is asked first which runs that would be.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from adapters.airflow.api import Api, seg
from adapters.airflow.asset_events import KEY, STATES
from adapters.airflow.events import stamp
from adapters.airflow.launch import expect_ready, missing
from adapters.airflow.wire import Backfill, Backfills, DagRun, DagRuns, DryRun
from adapters.base import Answer
from hub.errors import Declined, NotFound, Unavailable, shorten
from hub.model import EntityName, RunState
from hub.ports import BackfillPlan, Effect, Effects, Json, Launched, Wish

#: Runs of a backfill that are looked at, a hundred a page.
_PAGES: Final = 50
_TICK: Final = timedelta(microseconds=1)
_VERBS: Final = {Wish.GO: "unpause", Wish.PAUSE: "pause", Wish.CANCEL: "cancel"}
#: What says that this Dag, or this user, can't have such a backfill.
_NO: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY}
)


def backfill(api: Api, plan: BackfillPlan) -> Launched:
    """Unavailable while another backfill of the Dag is under way."""
    if api.is_old:
        raise Declined("Airflow 2 has no backfills in its API")
    if (earlier := _found(api, plan)) is not None:
        return _launched(plan, earlier, again=True)
    expect_ready(api, plan.job.name)
    _expect_as_planned(api, plan)
    answer = api.ask("POST", "/backfills", json=_body(plan))
    if answer.status == HTTPStatus.CONFLICT:
        raise Unavailable(
            f"a backfill of {plan.job.name} is under way; another one has to wait for it"
        )
    _expect_taken(answer, plan)
    return _launched(plan, api.read(answer, "/backfills", Backfill), again=False)


def backfilled(api: Api, plan: BackfillPlan, natural_id: str) -> Effects:
    path = f"/backfills/{seg(natural_id)}"
    its = api.find(path, Backfill)
    if its is None:
        raise NotFound(f"Airflow has no backfill {natural_id} any more")
    return Effects(
        [_effect(plan, row) for row in _runs(api, plan)], over=its.completed_at is not None
    )


def steer(api: Api, natural_id: str, wish: Wish) -> None:
    path = f"/backfills/{seg(natural_id)}/{_VERBS[wish]}"
    answer = api.ask("PUT", path, repeat=True)
    if answer.status == HTTPStatus.NOT_FOUND:
        raise NotFound(f"Airflow has no backfill {natural_id} any more")
    if not answer.ok and answer.status != HTTPStatus.CONFLICT:  # it is over
        raise api.failure(answer, path)


# -- parts ---------------------------------------------------------------------------------------


def _found(api: Api, plan: BackfillPlan) -> Backfill | None:
    params = {"dag_id": plan.job.name, "order_by": "-id", "limit": 100}
    known = api.get("/backfills", Backfills, params).backfills
    return next((one for one in known if (one.dag_run_conf or {}).get(KEY) == plan.key), None)


def _launched(plan: BackfillPlan, one: Backfill, *, again: bool) -> Launched:
    return Launched(plan.key, str(one.id), again=again)


def _body(plan: BackfillPlan) -> Json:
    first, last = plan.spans[0].begin, plan.spans[-1].end
    if first is None or last is None:
        raise Declined("a backfill of Airflow fills a stretch of time, not partitions by name")
    return {
        "dag_id": plan.job.name,
        "from_date": stamp(first),
        "to_date": stamp(last - _TICK),
        "reprocess_behavior": "completed",  # what is planned is made, whatever there is
        "dag_run_conf": {**plan.conf, KEY: plan.key},
        "max_active_runs": plan.at_once,
    }


def _expect_as_planned(api: Api, plan: BackfillPlan) -> None:
    answer = api.ask("POST", "/backfills/dry_run", json=_body(plan), repeat=True)
    _expect_taken(answer, plan)
    wanted = [span.partition for span in plan.spans]
    found = [
        _partition(plan, row.partition_key, row.logical_date or row.partition_date)
        for row in api.read(answer, "/backfills/dry_run", DryRun).backfills
    ]
    if sorted(found, key=str) != sorted(wanted):
        raise Declined(
            f"Airflow's backfill of {plan.job.name} would make {len(found)} runs for the "
            f"{len(wanted)} partitions from {wanted[0]} to {wanted[-1]}, not one for each"
        )


def _expect_taken(answer: Answer, plan: BackfillPlan) -> None:
    if answer.status == HTTPStatus.NOT_FOUND:
        raise missing(plan.job.name)
    if answer.status in _NO:
        text = shorten(answer.text, 300)
        raise Declined(f"Airflow takes no backfill of {plan.job.name}: {answer.status} {text}")


def _partition(plan: BackfillPlan, key: str | None, at: datetime | None) -> str | None:
    """The partition of the plan that a run is for: by its key, or else by its date."""
    named = next((span.partition for span in plan.spans if key == span.partition), None)
    dated = next((span.partition for span in plan.spans if at and span.holds(at)), None)
    return named or dated


def _runs(api: Api, plan: BackfillPlan) -> Iterator[DagRun]:
    """Those that carry the key. One that is made anew keeps its id, and has the key from then on."""
    path = f"/dags/{seg(plan.job.name)}/dagRuns"
    params: Json = {"run_type": "backfill", "order_by": "id"}
    if plan.spans[0].begin is not None:
        params["run_after_gte"] = stamp(plan.spans[0].begin)
    at = None
    for _ in range(_PAGES):
        read = api.page(path, DagRuns, params, at)
        rows: list[DagRun] = read.page.dag_runs
        for row in rows:
            if isinstance(row.conf, dict) and row.conf.get(KEY) == plan.key:
                yield row
        if read.following is None:
            return
        at = read.following


def _effect(plan: BackfillPlan, row: DagRun) -> Effect:
    at = row.logical_date or row.data_interval_start or row.run_after
    partition = _partition(plan, row.partition_key, at)
    state = STATES.get(row.state or "", RunState.NEW)
    job = EntityName(plan.job.namespace, row.dag_id)
    return Effect(job, row.dag_run_id, state, row.end_date, partition)
