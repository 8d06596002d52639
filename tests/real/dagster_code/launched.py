"""A code location that fetches its launches: a job of partitions, and one with configuration."""

import dagster as dg
from trackside_launcher import launcher

DAYS = dg.DailyPartitionsDefinition(start_date="2026-11-01")


@dg.asset(partitions_def=DAYS)
def mart() -> None:
    pass


@dg.op(config_schema={"number": int})
def counts() -> None:
    pass


@dg.job
def plain() -> None:
    counts()


mart_job = dg.define_asset_job("mart_job", [mart], partitions_def=DAYS)
defs = dg.Definitions(assets=[mart], jobs=[mart_job, plain], sensors=[launcher([mart_job, plain])])
