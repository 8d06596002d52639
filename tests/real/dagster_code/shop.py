"""A code location for the tests against a real Dagster: assets, checks, retries, failures."""

import time
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

DAYS = dg.DailyPartitionsDefinition(start_date="2026-11-01", timezone="Europe/Berlin")
COLUMNS = dg.TableSchema(columns=[dg.TableColumn("id", "int"), dg.TableColumn("ts", "timestamp")])
LINEAGE = dg.TableColumnLineage(
    {"id": [dg.TableColumnDep(asset_key=dg.AssetKey(["raw", "orders"]), column_name="id")]}
)
SOURCE = dg.AssetSpec("ext_source", group_name="outside", kinds={"s3"})


@dg.asset(
    key=["raw", "orders"],
    partitions_def=DAYS,
    deps=[SOURCE],
    owners=["team:data-eng", "alice@example.com"],
    group_name="ingest",
    kinds={"python"},
    tags={"domain": "sales"},
    freshness_policy=dg.FreshnessPolicy.cron(
        deadline_cron="0 9 * * *",
        lower_bound_delta=timedelta(hours=9),
        timezone="Europe/Berlin",
    ),
)
def orders() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata={"dagster/row_count": 100, "dagster/column_schema": COLUMNS}
    )


@dg.asset(
    deps=[orders],
    owners=["team:analytics"],
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=timedelta(seconds=120), warn_window=timedelta(seconds=60)
    ),
)
def report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    context.log_event(dg.AssetObservation(asset_key="ext_source", metadata={"note": "looked at"}))
    return dg.MaterializeResult(
        metadata={"dagster/row_count": 7, "dagster/column_lineage": LINEAGE}
    )


@dg.asset_check(asset=report)
def report_nonempty() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=report)
def report_small() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=False, severity=dg.AssetCheckSeverity.WARN, description="too many rows"
    )


@dg.asset(deps=[report])
def broken() -> None:
    raise ValueError("broken on purpose")


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["north", "south", "west"]))
def stations(context: dg.AssetExecutionContext) -> None:
    if context.partition_key == "south":
        raise ValueError("there is no line to the south")


@dg.asset(
    partitions_def=dg.MultiPartitionsDefinition(
        {"time": DAYS, "country": dg.StaticPartitionsDefinition(["de", "fr"])}
    )
)
def sales() -> None: ...


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2))
def flaky(context: dg.OpExecutionContext) -> int:
    if context.retry_number == 0:
        raise RuntimeError("not yet")
    return 1


@dg.op(out=dg.DynamicOut(int))
def fan(start: int) -> Iterator[dg.DynamicOutput[int]]:
    for i in range(2):
        yield dg.DynamicOutput(start + i, mapping_key=f"m{i}")


@dg.op
def work(number: int) -> int:
    return number


@dg.op
def always_fails() -> int:
    raise ValueError("fails always")


@dg.op
def never_runs(_given: int) -> None: ...


@dg.op(config_schema={"seconds": dg.Field(float, default_value=1.0)})
def sleeper(context: dg.OpExecutionContext) -> None:
    time.sleep(context.op_config["seconds"])


@dg.job(
    description="dynamic and flaky",
    tags={"team": "platform"},
    executor_def=dg.in_process_executor,
)
def dynamic() -> None:
    fan(flaky()).map(work)


@dg.job(executor_def=dg.in_process_executor)
def failing() -> None:
    never_runs(always_fails())


@dg.job(executor_def=dg.in_process_executor)
def sleeping() -> None:
    sleeper()


orders_job = dg.define_asset_job(
    "orders_job", selection=[orders], executor_def=dg.in_process_executor
)


@dg.schedule(
    job=sleeping,
    cron_schedule="* * * * *",
    execution_timezone="America/New_York",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def minutely() -> dg.RunRequest:
    return dg.RunRequest()


@dg.schedule(
    job=dynamic,
    cron_schedule=["0 3 * * 1", "30 4 * * 5"],
    execution_timezone="Europe/Berlin",
)
def two_crons() -> dg.RunRequest:
    return dg.RunRequest()


@dg.schedule(
    job=failing, cron_schedule="* * * * *", default_status=dg.DefaultScheduleStatus.RUNNING
)
def broken_schedule() -> dg.RunRequest:
    raise ValueError("this schedule is broken")


@dg.schedule(
    job=dynamic, cron_schedule="* * * * *", default_status=dg.DefaultScheduleStatus.RUNNING
)
def skipping() -> dg.SkipReason:
    return dg.SkipReason("nothing to do")


defs = dg.Definitions(
    assets=[SOURCE, orders, report, broken, stations, sales],
    asset_checks=[report_nonempty, report_small],
    jobs=[dynamic, failing, sleeping, orders_job],
    schedules=[minutely, two_crons, broken_schedule, skipping],
)
