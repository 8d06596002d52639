"""A Dagster in one process: some runs, what its own storage holds of them, and its web server.

Run by the Dagster under test: `in_process.py FOLDER PORT`. What the storage holds is printed as one
line of JSON once the server answers; the process ends when its standard input does.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import dagster as dg
import shop
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.app import create_app_from_workspace_process_context

DAY = "2026-11-20"


def run_all(instance: dg.DagsterInstance) -> None:
    assets = [shop.SOURCE, shop.orders, shop.report, shop.broken]
    checks = [shop.report_nonempty, shop.report_small]
    dg.materialize([shop.SOURCE, shop.orders], instance=instance, partition_key=DAY)
    dg.materialize([*assets, *checks], selection=[shop.report], instance=instance)
    dg.materialize(
        [*assets, *checks], selection=[shop.broken], instance=instance, raise_on_error=False
    )
    shop.dynamic.execute_in_process(instance=instance, tags={"team": "platform"})
    shop.failing.execute_in_process(instance=instance, raise_on_error=False)
    instance.report_runless_asset_event(dg.AssetMaterialization("ext_source", metadata={"rows": 3}))
    instance.report_runless_asset_event(dg.AssetObservation("ext_source", metadata={"note": "ok"}))


def truth(instance: dg.DagsterInstance) -> dict[str, Any]:
    """Rows of the storage, as plain values."""
    records = instance.get_run_records()
    return {
        "runs": [
            {
                "id": record.dagster_run.run_id,
                "job": record.dagster_run.job_name,
                "status": record.dagster_run.status.value,
                "start": record.start_time,
                "end": record.end_time,
                "partition": record.dagster_run.tags.get("dagster/partition"),
                "tags": dict(record.dagster_run.tags),
            }
            for record in records
        ],
        "steps": [
            {
                "run": stats.run_id,
                "key": stats.step_key,
                "status": stats.status.value if stats.status else None,
                "start": stats.start_time,
                "end": stats.end_time,
                "attempts": len(stats.attempts_list),
            }
            for record in records
            for stats in instance.get_run_step_stats(record.dagster_run.run_id)
        ],
        "events": [event for record in records for event in events(instance, record)],
    }


def events(instance: dg.DagsterInstance, record: dg.RunRecord) -> list[dict[str, Any]]:
    told = []
    for entry in instance.all_logs(record.dagster_run.run_id):
        event = entry.dagster_event
        if event is None:
            continue
        row = {"run": entry.run_id, "step": event.step_key, "type": event.event_type_value}
        if event.is_step_materialization or event.event_type_value == "ASSET_OBSERVATION":
            key = event.asset_key
            row |= {"asset": key.to_user_string() if key else None, "partition": event.partition}
            told.append(row)
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            found = event.asset_check_evaluation_data
            row |= {"asset": found.asset_key.to_user_string(), "check": found.check_name}
            told.append(row | {"passed": found.passed, "severity": found.severity.value})
    return told


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    instance = dg.DagsterInstance.local_temp(str(folder))
    run_all(instance)
    context = WorkspaceProcessContext(instance, EmptyWorkspaceTarget(), version=dg.__version__)
    app = create_app_from_workspace_process_context(context)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()
    sys.__stdout__.write(json.dumps(truth(instance)) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]
    sys.stdin.read()


if __name__ == "__main__":
    main()
