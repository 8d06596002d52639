"""Saying that an asset was written, so that what waits for it in Dagster begins.

Dagster gives such an event no id of ours: it carries the key in its description, is looked for, and
reported if it is not there. Which runs it brings about, Dagster does not tell.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from adapters.dagster.graphql import GraphQL
from adapters.dagster.launch import NOTE_CHARACTERS, expect_accepted
from adapters.dagster.queries import REPORT, REPORTED
from adapters.dagster.wire import Typed
from hub.errors import NotReady
from hub.ports import Json, Launched, LaunchRequest

_KEY: Final = "trackside_key="


class _Event(Struct, frozen=True):
    description: str | None = None


class _Asset(Typed, frozen=True):
    events: list[_Event] = field(name="assetMaterializations", default_factory=list)


class _AssetAnswer(Struct, frozen=True):
    asset: _Asset = field(name="assetOrError")


class _ReportAnswer(Struct, frozen=True):
    reported: Typed = field(name="reportRunlessAssetEvents")


def report(graphql: GraphQL, request: LaunchRequest) -> Launched:
    """NotReady for an asset that Dagster does not know: it would make one that nobody defines."""
    if found := find_report(graphql, request):
        return found
    params: Json = {
        "eventType": "ASSET_MATERIALIZATION",
        "assetKey": _asset(request),
        "description": f"{request.note[:NOTE_CHARACTERS]} {_KEY}{request.key}".strip(),
    }
    if request.partition is not None:  # an empty list would be accepted, and nothing stored
        params["partitionKeys"] = [request.partition]
    answer = graphql.mutate(REPORT, _ReportAnswer, {"params": params}).reported
    expect_accepted(answer, "ReportRunlessAssetEventsSuccess", [])
    return _launched(request, again=False)


def find_report(graphql: GraphQL, request: LaunchRequest) -> Launched | None:
    """Among the latest 100 of the asset."""
    told, _ = graphql.query(REPORTED, _AssetAnswer, {"key": _asset(request)})
    if told.asset.typename == "AssetNotFoundError":
        raise NotReady(f"Dagster knows no asset {request.job.name}: no code location has it")
    mine = f"{_KEY}{request.key}"
    there = any((one.description or "").endswith(mine) for one in told.asset.events)
    return _launched(request, again=True) if there else None


def _asset(request: LaunchRequest) -> Json:
    return {"path": request.job.name.split("/")}


def _launched(request: LaunchRequest, *, again: bool) -> Launched:
    return Launched(request.key, f"asset_event/{request.key}", None, again, followed=False)
