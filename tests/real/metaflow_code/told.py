"""What Metaflow's own client says of all runs of a flow, as JSON."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from metaflow import Flow, Run, Task, namespace


def moment(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


def task(one: Task) -> dict[str, Any]:
    return {
        "finished": one.finished,
        "successful": one.successful,
        "finished_at": moment(one.finished_at),
        "attempts": one.current_attempt + 1,
        "step": one.parent.id,
        "origin": one.metadata_dict.get("origin-task-id"),
    }


def run(one: Run) -> dict[str, Any]:
    return {
        "successful": one.successful,
        "finished": one.finished,
        "finished_at": moment(one.finished_at),
        "created_at": moment(one.created_at),
        "tags": sorted(one.user_tags),
        "tasks": {t.pathspec: task(t) for step in one for t in step},
        "model": one.end_task.artifacts.model._object["sha"] if one.successful else None,
    }


namespace(None)
print("TOLD " + json.dumps({one.pathspec: run(one) for one in Flow(sys.argv[1])}))
