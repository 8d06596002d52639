"""Saying that an asset was written, so that Airflow's own schedules launch what waits for it.

Airflow gives an event no id of ours: it carries the key in its `extra`, is looked for, and written
if it is not there.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from adapters.airflow.api import Api
from adapters.airflow.wire import AssetEvent, AssetEvents, Assets, CausedRun
from hub.errors import NotReady
from hub.model import EntityName, RunState
from hub.ports import Effect, Effects, Json, Launched, LaunchRequest

#: Under which the key stands in what Airflow keeps for us.
KEY: Final = "trackside_key"
#: Of a Dag run; of any other nothing is known but that it is there.
STATES: Final = {
    "running": RunState.RUNNING,
    "success": RunState.COMPLETED,
    "failed": RunState.FAILED,
}


def write_event(api: Api, request: LaunchRequest) -> Launched:
    """Says that an asset was written; Airflow's own schedules launch what waits for it."""
    if (earlier := find_event(api, request)) is not None:
        return earlier
    if api.is_old:
        path = "/datasets/events"
        body: Json = {"dataset_uri": request.job.name}
    else:
        path = "/assets/events"
        body = {"asset_id": _asset_id(api, request)}
    body["extra"] = {**request.conf, KEY: request.key}
    if request.partition is not None and not api.is_old:
        body["partition_key"] = request.partition
    answer = api.ask("POST", path, json=body)
    if answer.status == HTTPStatus.FORBIDDEN:
        mend = "give the user the role Op: it may not write asset events"
        raise api.http.failure(answer, api.base + path, mend)
    return _event(request, api.read(answer, path, AssetEvent), again=False)


def _asset_id(api: Api, request: LaunchRequest) -> int:
    """Of the asset with that URI or name."""
    params = {"uri_pattern": request.job.name, "limit": 100}
    named = {"name_pattern": request.job.name, "limit": 100}
    for asked in (params, named):
        for one in api.get("/assets", Assets, asked).assets:
            if request.job.name in {one.uri, one.name}:
                return one.id
    raise NotReady(f"Airflow knows no asset {request.job.name}: no Dag names it")


def find_event(api: Api, request: LaunchRequest) -> Launched | None:
    event = _written(api, request)
    return None if event is None else _event(request, event, again=True)


def caused(api: Api, request: LaunchRequest) -> Effects:
    """The runs that the event counts for: one that waits for other assets too begins later."""
    event = _written(api, request)
    if event is None:
        return Effects()
    space = request.job.namespace
    return Effects([_effect(space, one) for one in event.created_dagruns])


def _written(api: Api, request: LaunchRequest) -> AssetEvent | None:
    """Among the latest events."""
    params: Json = {"order_by": "-timestamp", "limit": 100}
    if api.is_old:
        known = api.get("/datasets/events", AssetEvents, params).dataset_events
    else:
        params["asset_id"] = _asset_id(api, request)
        known = api.get("/assets/events", AssetEvents, params).asset_events
    mine = (
        one for one in known if isinstance(one.extra, dict) and one.extra.get(KEY) == request.key
    )
    return next(mine, None)


def _effect(space: str, one: CausedRun) -> Effect:
    state = STATES.get(one.state or "", RunState.NEW)
    run_id = one.run_id or one.dag_run_id
    return Effect(EntityName(space, one.dag_id), run_id, state, one.end_date, one.partition_key)


def _event(request: LaunchRequest, event: AssetEvent, *, again: bool) -> Launched:
    return Launched(request.key, f"asset_event/{event.id}", None, again, followed=False)
