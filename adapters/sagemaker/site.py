"""What every part of a look needs."""

from __future__ import annotations

from datetime import UTC, datetime

from adapters.sagemaker import events
from adapters.sagemaker.api import Api
from adapters.sagemaker.wire import Execution, execution_id, pipeline_of
from hub.ports import Json, Known

OPEN = 5_000


class Site:
    """One look at SageMaker."""

    def __init__(self, api: Api, namespace: str, as_of: datetime, known: Known) -> None:
        self.api = api
        self.namespace = namespace
        self.as_of = as_of
        self.known = known

    def events(self, row: Execution) -> list[Json]:
        """Of an execution and its steps."""
        steps = self.api.steps(row.pipeline_execution_arn)
        found = [events.execution_event(row, self.namespace)]
        found += [events.step_event(row, step, self.namespace) for step in steps]
        return [event for event in found if event is not None]

    def deleted(self, arn: str) -> list[Json]:
        """Ends of what the hub believes open of an execution that is gone."""
        key, pipeline = execution_id(arn), pipeline_of(arn)
        gone = [
            known
            for known in self.known.open_runs(OPEN)
            if known.name.job.namespace == self.namespace
            and known.name.job.name.partition(".")[0] == pipeline
            and known.name.natural_id.partition("/")[0] == key
        ]
        return [
            events.deleted_event(
                one.name.job,
                one.name.natural_id,
                events.run_id(arn, one.name.natural_id.partition("/")[2]),
                self.as_of,
            )
            for one in gone
        ]


def time_of(text: str | None) -> datetime | None:
    """A time of the cursor."""
    return datetime.fromisoformat(text) if text else None


def text_of(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
