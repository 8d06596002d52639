"""Starting runs in a Dagster that has no idempotent launch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from hub.errors import Declined, NotFound, NotReady, Unavailable
from hub.model import EntityName
from hub.ports import BackfillPlan, FailedRun, Grade, LaunchKind, LaunchRequest, RunName, Span, Wish
from tests.support.fake_dagster import NAMESPACE, URL, FakeDagster, Json, recorded, run_row

KEY = "trackside/launch_key"


def targets(*jobs: str, locations: tuple[str, ...] = ("hub_demo",)) -> Json:
    nodes = [
        {
            "name": "__repository__",
            "location": {"name": location},
            "jobs": [{"name": job, "isAssetJob": job == "__ASSET_JOB"} for job in jobs],
        }
        for location in locations
    ]
    return {"repositoriesOrError": {"__typename": "RepositoryConnection", "nodes": nodes}}


class Launching(FakeDagster):
    """Makes a run for each launch, as Dagster does, whatever its tags."""

    def __init__(self, *jobs: str, **answers: Any) -> None:
        super().__init__(
            Targets=targets(*(jobs or ("orders", "__ASSET_JOB"))),
            Launch=self.launched,
            Terminate=self.terminated,
            Ops=recorded("asset_nodes_full"),
        )
        self.answers |= answers
        self.params: list[Json] = []
        self.cancelled: list[str] = []

    def launched(self, variables: Json) -> Json:
        self.params.append(variables["params"])
        number = len(self.rows) + 1
        row = run_row(
            runId=f"{number}0000000-0000-4000-8000-000000000000",
            status="QUEUED",
            creationTime=1795330000.0 + number,
            tags=variables["params"]["executionMetadata"]["tags"],
        )
        self.rows.insert(0, row)
        return {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": row["runId"]}}}

    def terminated(self, variables: Json) -> Json:
        self.cancelled.append(variables["run"])
        return {"terminateRun": {"__typename": "TerminateRunSuccess"}}


def request(job: str = "orders", **other: Any) -> LaunchRequest:
    return LaunchRequest("k1", EntityName(NAMESPACE, job), **other)


def test_a_launch_starts_one_run_with_its_tag_and_partition() -> None:
    fake = Launching()
    told = fake.adapter().launch(request(partition="2026-11-20", conf={"ops": {}}, note="late"))
    assert told.natural_id == fake.rows[0]["runId"]
    assert told.url == f"{URL}/runs/{told.natural_id}"
    assert not told.again
    tags = {tag["key"]: tag["value"] for tag in fake.rows[0]["tags"]}
    assert tags == {KEY: "k1", "dagster/partition": "2026-11-20", "trackside/note": "late"}
    assert fake.params[0]["runConfigData"] == {"ops": {}}


def test_the_same_key_starts_one_run() -> None:
    fake = Launching()
    adapter = fake.adapter()
    first, second = adapter.launch(request()), adapter.launch(request())
    assert (first.natural_id, first.again) == (second.natural_id, False)
    assert second.again
    assert len(fake.rows) == 1


def test_a_launch_whose_answer_got_lost_is_found() -> None:
    fake = Launching()
    launched = fake.launched

    def lost(variables: Json) -> Json:
        launched(variables)
        raise httpx.ReadTimeout("gone")

    fake.answers["Launch"] = lost
    told = fake.adapter().launch(request())
    assert told.again
    assert told.natural_id == fake.rows[0]["runId"]
    assert fake.names().count("Launch") == 1


def test_a_launch_that_never_came_to_be_is_an_error_that_passes() -> None:
    def down(_: Json) -> Json:
        raise httpx.ConnectError("no route")

    fake = Launching(Launch=down)
    with pytest.raises(Unavailable) as caught:
        fake.adapter().launch(request())
    assert not caught.value.permanent
    assert fake.names().count("Launch") == 1


def test_of_two_runs_of_one_key_the_older_stays() -> None:
    """Another hub launched in the same moment."""
    fake = Launching()
    launched = fake.launched

    def twice(variables: Json) -> Json:
        launched(variables)
        return launched(variables)

    fake.answers["Launch"] = twice
    told = fake.adapter().launch(request())
    assert told.natural_id == fake.rows[-1]["runId"]
    assert told.again
    assert fake.cancelled == [fake.rows[0]["runId"]]


def test_a_duplicate_that_is_just_starting_is_marked_as_cancelled() -> None:
    fake = Launching()
    policies = []

    def stubborn(variables: Json) -> Json:
        policies.append(variables["policy"])
        return recorded("terminate_run") if len(policies) == 1 else fake.terminated(variables)

    launched = fake.launched
    fake.answers |= {
        "Terminate": stubborn,
        "Launch": lambda v: (launched(v), launched(v))[1],
    }
    fake.adapter().launch(request())
    assert policies == ["SAFE_TERMINATE", "MARK_AS_CANCELED_IMMEDIATELY"]


def test_a_retry_that_dagster_made_of_the_run_is_no_duplicate() -> None:
    fake = Launching()
    adapter = fake.adapter()
    first = adapter.launch(request())
    retry = fake.rows[0] | {"runId": "retry", "parentRunId": first.natural_id}
    fake.rows.insert(0, retry | {"creationTime": 1.0})
    found = adapter.find_launched(request())
    assert found
    assert found.natural_id == first.natural_id
    assert not fake.cancelled


def test_what_was_never_launched_is_not_found() -> None:
    assert Launching().adapter().find_launched(request()) is None


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("launch_unknown_job", "Could not find Pipeline"),
        ("launch_bad_config", "Invalid scalar at path root:ops:sleeper:config:secs"),
    ],
)
def test_what_dagster_refuses_is_permanent_and_says_why(answer: str, told: str) -> None:
    with pytest.raises(Unavailable, match=told) as caught:
        Launching(Launch=recorded(answer)).adapter().launch(request())
    assert caught.value.permanent


def test_one_asset_is_started_by_the_name_of_its_step() -> None:
    fake = Launching()
    fake.adapter().launch(request("__ASSET_JOB.raw__orders"))
    selector = fake.params[0]["selector"]
    assert selector["jobName"] == "__ASSET_JOB"
    assert selector["assetSelection"] == [{"path": ["raw", "orders"]}]


def test_one_op_is_started_by_the_name_of_its_step() -> None:
    fake = Launching()
    fake.adapter().launch(request("orders.load"))
    assert fake.params[0]["selector"]["solidSelection"] == ["load"]


@pytest.mark.parametrize(
    ("job", "told"),
    [
        ("__ASSET_JOB", "name one of them"),
        ("__ASSET_JOB.nope", "no asset of the job"),
        ("unknown", "there is no job 'unknown'"),
    ],
)
def test_what_can_not_be_meant_is_refused_before_anything_starts(job: str, told: str) -> None:
    fake = Launching()
    with pytest.raises(Unavailable, match=told) as caught:
        fake.adapter().launch(request(job))
    # Its code location may be loaded later.
    assert caught.value.permanent == (job != "unknown")
    assert not fake.params


def test_a_job_of_two_code_locations_must_be_told_apart() -> None:
    fake = Launching(Targets=targets("orders", locations=("a", "b")))
    with pytest.raises(Unavailable, match=r"\(a, b\)"):
        fake.adapter().launch(request())
    fake.adapter().launch(request(conf={"dagster/code_location": "b"}))
    assert fake.params[0]["selector"]["repositoryLocationName"] == "b"
    assert fake.params[0]["runConfigData"] == {}


# -- running once more -----------------------------------------------------------------------------

AGAIN = LaunchRequest(
    "rerun-1",
    EntityName(NAMESPACE, "orders"),
    kind=LaunchKind.RERUN,
    failed=FailedRun("f0000000-0000-4000-8000-000000000000", datetime(2026, 11, 1, tzinfo=UTC)),
)


class Rerunning(Launching):
    """Makes a run of another for each call, which has its tags but for those that are given."""

    def __init__(self, **answers: Any) -> None:
        super().__init__(Rerun=self.rerun)
        self.answers |= answers

    def rerun(self, variables: Json) -> Json:
        told = variables["params"]
        self.params.append(told)
        number = len(self.rows) + 1
        row = run_row(
            runId=f"{number}0000000-0000-4000-8000-000000000000",
            status="QUEUED",
            creationTime=1795330000.0 + number,
            parentRunId=told["parentRunId"],
            tags=told["extraTags"],
        )
        self.rows.insert(0, row)
        run = {"__typename": "LaunchRunSuccess", "run": {"runId": row["runId"]}}
        return {"launchRunReexecution": run}


def test_what_failed_of_a_run_is_executed_again_once() -> None:
    fake = Rerunning()
    adapter = fake.adapter()
    first, second, found = (
        adapter.launch(AGAIN),
        adapter.launch(AGAIN),
        adapter.find_launched(AGAIN),
    )
    assert (first.again, second.again) == (False, True)
    assert found is not None
    assert first.natural_id == second.natural_id == found.natural_id
    (told,) = fake.params
    assert AGAIN.failed is not None
    assert (told["parentRunId"], told["strategy"]) == (AGAIN.failed.natural_id, "FROM_FAILURE")
    assert {"key": KEY, "value": "rerun-1"} in told["extraTags"]


def test_a_run_that_is_gone_is_not_executed_again() -> None:
    gone = {"launchRunReexecution": {"__typename": "RunNotFoundError", "message": "gone"}}
    with pytest.raises(Declined, match="is gone"):
        Rerunning(Rerun=lambda _: gone).adapter().launch(AGAIN)


# -- backfills -------------------------------------------------------------------------------------


class Backfilling(Launching):
    """Makes a backfill for each call, whatever its tags."""

    def __init__(self, **answers: Any) -> None:
        super().__init__(
            Backfill=self.backfilled,
            Backfills=self.backfills,
            BackfillStatus=self.standing,
            CancelBackfill=self.stopped,
        )
        self.answers |= answers
        self.held: list[Json] = []
        self.status = "REQUESTED"
        self.stops: list[str] = []

    def backfilled(self, variables: Json) -> Json:
        self.params.append(variables["params"])
        number = len(self.held) + 1
        tags = variables["params"]["tags"]
        self.held.insert(0, {"id": f"b{number}", "timestamp": float(number), "tags": tags})
        success = {"__typename": "LaunchBackfillSuccess", "backfillId": f"b{number}"}
        return {"launchPartitionBackfill": success}

    def backfills(self, _: Json) -> Json:
        told = {"__typename": "PartitionBackfills", "results": self.held}
        return {"partitionBackfillsOrError": told}

    def standing(self, variables: Json) -> Json:
        known = variables["backfill"] in {one["id"] for one in self.held}
        told = {"__typename": "PartitionBackfill", "status": self.status}
        return {"partitionBackfillOrError": told if known else NO_BACKFILL}

    def stopped(self, variables: Json) -> Json:
        self.stops.append(variables["backfill"])
        return {"cancelPartitionBackfill": {"__typename": "CancelBackfillSuccess"}}

    def ran(self, number: int, status: str, **tags: str) -> None:
        told = {"dagster/backfill": "b1"} | {f"dagster/{name}": tags[name] for name in tags}
        row = run_row(
            runId=f"{number}0000000-0000-4000-8000-000000000000",
            status=status,
            creationTime=1795330000.0 + number,
            tags=[{"key": key, "value": value} for key, value in told.items()],
        )
        self.rows.insert(0, row)


NO_BACKFILL = {"__typename": "BackfillNotFoundError", "message": "no such backfill"}


def plan(job: str = "orders", *names: str, **other: Any) -> BackfillPlan:
    spans = [Span(name) for name in names or ("2026-11-01", "2026-11-02", "2026-11-03")]
    return BackfillPlan("b-key", EntityName(NAMESPACE, job), spans, **other)


def test_a_backfill_of_named_partitions_starts_once() -> None:
    fake = Backfilling()
    adapter = fake.adapter()
    first, second = adapter.backfill(plan()), adapter.backfill(plan())
    assert (first.natural_id, first.again, second.again) == ("b1", False, True)
    names = [params["partitionNames"] for params in fake.params]
    assert names == [["2026-11-01", "2026-11-02", "2026-11-03"]]
    assert fake.params[0]["selector"]["partitionSetName"] == "orders_partition_set"


def test_of_two_backfills_with_one_key_the_younger_is_cancelled() -> None:
    fake = Backfilling()

    def twice(variables: Json) -> Json:
        fake.backfilled(variables)
        return fake.backfilled(variables)

    fake.answers["Backfill"] = twice
    told = fake.adapter().backfill(plan())
    assert (told.natural_id, told.again) == ("b1", True)
    assert fake.stops == ["b2"]


def test_a_backfill_of_an_asset_names_the_asset() -> None:
    fake = Backfilling()
    fake.adapter().backfill(plan("__ASSET_JOB.raw__orders"))
    assert fake.params[0]["assetSelection"] == [{"path": ["raw", "orders"]}]


def test_what_dagster_says_of_a_bad_partition_is_told() -> None:
    answer = httpx.Response(500, json={"data": recorded("backfill_bad_partition")})
    with pytest.raises(Unavailable, match="Multiple initial assets not yet supported"):
        Backfilling(Backfill=answer).adapter().backfill(plan())


def test_a_job_without_these_partitions_and_a_run_config_are_declined() -> None:
    told = {"__typename": "PartitionSetNotFoundError", "message": "no set"}
    fake = Backfilling(Backfill=lambda _: {"launchPartitionBackfill": told})
    with pytest.raises(Declined, match="no set"):
        fake.adapter().backfill(plan())
    with pytest.raises(Declined, match="run config"):
        Backfilling().adapter().backfill(plan(conf={"ops": {}}))


def test_what_a_backfill_has_come_to_is_told_by_its_latest_runs() -> None:
    fake = Backfilling()
    adapter = fake.adapter()
    number = adapter.backfill(plan()).natural_id
    fake.ran(1, "FAILURE", partition="2026-11-01", will_retry="true")
    fake.ran(2, "FAILURE", partition="2026-11-02")
    fake.ran(3, "SUCCESS", partition="2026-11-02")
    found = adapter.backfilled(plan(), number)
    assert {run.partition: run.state for run in found.runs} == {
        "2026-11-01": "RUNNING",
        "2026-11-02": "COMPLETED",
    }
    assert not found.over
    fake.status = "COMPLETED_SUCCESS"
    assert adapter.backfilled(plan(), number).over
    with pytest.raises(NotFound, match="b7"):
        adapter.backfilled(plan(), "b7")


def test_one_run_may_be_for_a_range_of_partitions() -> None:
    fake = Backfilling()
    adapter = fake.adapter()
    number = adapter.backfill(plan()).natural_id
    first, last = "asset_partition_range_start", "asset_partition_range_end"
    fake.ran(1, "STARTED", **{first: "2026-11-02", last: "2026-11-03"})
    found = adapter.backfilled(plan(), number)
    assert [run.partition for run in found.runs] == ["2026-11-02", "2026-11-03"]


def test_a_backfill_is_cancelled_and_can_not_be_paused() -> None:
    fake = Backfilling()
    adapter = fake.adapter()
    for wish in (Wish.PAUSE, Wish.GO, Wish.CANCEL):
        adapter.steer("b1", wish)
    assert fake.stops == ["b1"]


class Reporting(FakeDagster):
    """Keeps what is reported of one asset, as Dagster does, whatever was reported before."""

    def __init__(self, *, lost: int = 0, **answers: Any) -> None:
        super().__init__(Reported=self.reported, Report=self.report)
        self.answers |= answers
        self.events: list[Json] = []
        self._lost = lost

    def reported(self, _: Json) -> Json:
        kept = [{"description": one["description"]} for one in self.events]
        return {"assetOrError": {"__typename": "Asset", "assetMaterializations": kept}}

    def report(self, variables: Json) -> Json | httpx.Response:
        self.events.insert(0, variables["params"])
        if self._lost:
            self._lost -= 1
            return httpx.Response(502)
        return {"reportRunlessAssetEvents": {"__typename": "ReportRunlessAssetEventsSuccess"}}


def event(partition: str | None = None) -> LaunchRequest:
    return request("raw/orders", kind=LaunchKind.ASSET_EVENT, partition=partition)


def test_an_asset_event_is_reported_once_with_its_partition() -> None:
    fake = Reporting()
    adapter = fake.adapter()
    first = adapter.launch(event("2026-11-20"))
    second = adapter.launch(event("2026-11-20"))
    assert (first.again, second.again, first.followed) == (False, True, False)
    (told,) = fake.events
    assert (told["assetKey"], told["partitionKeys"]) == (
        {"path": ["raw", "orders"]},
        ["2026-11-20"],
    )


def test_an_asset_event_whose_answer_got_lost_is_found() -> None:
    fake = Reporting(lost=1)
    with pytest.raises(Unavailable):
        fake.adapter().launch(event())
    found = fake.adapter().find_launched(event())
    assert found is not None
    assert found.again
    assert "partitionKeys" not in fake.events[0]
    assert fake.adapter().caused(event()).over


def test_an_asset_event_of_an_asset_that_nobody_has_waits() -> None:
    unknown = {"assetOrError": {"__typename": "AssetNotFoundError"}}
    fake = Reporting(Reported=unknown)
    with pytest.raises(NotReady, match="no asset raw/orders"):
        fake.adapter().launch(event())
    assert fake.events == []


# -- logs and the connection -----------------------------------------------------------------------


def test_the_log_of_a_failed_step_tells_its_error() -> None:
    fake = FakeDagster(Log=recorded("run_log_fail"), Output=output("printed"))
    run_id = "ffee004e-2847-4032-80c5-4c1178a92318"
    name = RunName(EntityName(NAMESPACE, "fail_job.always_fail"), f"{run_id}/always_fail")
    tail = fake.adapter().log_tail(name, 2, 8)
    assert len(tail.lines) <= 8
    assert tail.lines[-1] == "printed"
    assert tail.error == "RuntimeError: boom"
    assert tail.url == f"{URL}/runs/{run_id}"


def output(text: str) -> Json:
    return {"runOrError": {"__typename": "Run", "capturedLogs": {"stdout": text, "stderr": None}}}


def test_the_log_of_a_run_that_is_gone_is_empty() -> None:
    fake = FakeDagster(Log={"logsForRun": {"__typename": "RunNotFoundError", "message": "gone"}})
    tail = fake.adapter().log_tail(RunName(EntityName(NAMESPACE, "orders"), "x"), 1, 10)
    assert list(tail.lines) == []
    assert tail.error is None


def check(version: str = "1.13.27", *, granted: bool = True) -> Json:
    names = ["launch_pipeline_execution", "launch_partition_backfill"]
    rows = [{"permission": name, "value": granted} for name in names]
    return {"version": version, "permissions": rows}


def grades(fake: FakeDagster, **config: Any) -> dict[str, Grade]:
    return {one.what: one.grade for one in fake.adapter(**config).check_connection()}


def test_a_good_connection_has_no_bad_finding() -> None:
    found = grades(FakeDagster(Check=check()))
    assert found["address"] is found["reading"] is found["launch_pipeline_execution"] is Grade.GOOD
    assert Grade.BAD not in found.values()


def test_a_token_that_may_only_read_gets_warnings_for_what_it_can_not_do() -> None:
    found = grades(FakeDagster(Check=check(granted=False)))
    assert found["launch_pipeline_execution"] is found["launch_partition_backfill"] is Grade.WARNING
    assert found["reading"] is Grade.GOOD


def test_an_old_dagster_gets_a_warning() -> None:
    assert grades(FakeDagster(Check=check("1.8.3")))["version"] is Grade.WARNING


def test_a_wrong_address_is_one_bad_finding() -> None:
    fake = FakeDagster(Check=httpx.Response(404, text="<html>"))
    (finding,) = fake.adapter().check_connection()
    assert finding.grade is Grade.BAD
    assert "with the deployment" in finding.detail


def test_the_setup_of_the_push_reporter_can_be_pasted() -> None:
    text = FakeDagster().adapter().openlineage_setup("https://hub.example.org")
    assert "TRACKSIDE_URL=https://hub.example.org" in text
    assert f"TRACKSIDE_NAMESPACE={NAMESPACE}" in text
