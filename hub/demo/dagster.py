"""How a Dagster tells its runs and steps: queued, started, ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hub.demo.chance import run_id
from hub.demo.facets import Json, iso
from hub.demo.nouns import Cron, Every, Run, Try
from hub.demo.voice import Voice

_QUEUED = timedelta(seconds=1)


class Dagster(Voice):
    """A step keeps its run id while it is tried again; only its last try is told."""

    producer = "https://example.org/dagster-reporter/1.0"
    integration = "DAGSTER"

    def tell(self, run: Run) -> Iterator[Json]:
        yield self._run("OTHER", run)
        yield self._run("START", run)
        first, last = _tries_by_step(run)
        for name, one in last.items():
            yield self._step("START", run, first[name])
            if one.ending is not None:
                yield self._step(one.ending, run, one)
        if run.ending is not None:
            yield self._run(run.ending, run)

    def _run(self, kind: str, run: Run) -> Json:
        at = {"OTHER": run.slot + _QUEUED, "START": run.start}.get(kind, run.end)
        assert at is not None
        facets = {
            "hub_dagster_run": self.make("hub_dagster_run", tags=_tags(run)),
            "nominalTime": self.nominal(run.slot),
        }
        if kind == "FAIL":
            facets["errorMessage"] = self.error(run.error or "Failure: a step failed")
        told = {"runId": self.id_of(run), "facets": facets}
        return self.event(kind, at, told, self.job(run.job, "JOB"))

    def _step(self, kind: str, run: Run, one: Try) -> Json:
        at = one.start if kind == "START" else one.end
        assert at is not None
        name = one.step.name
        facets = {
            "hub_dagster_run": self.make("hub_dagster_run", tags=_tags(run)),
            "hub_dagster_step": self.make("hub_dagster_step", stepKey=name, attempts=one.number),
            "parent": self.parent(run),
        }
        if kind == "FAIL":
            facets["errorMessage"] = self.error(one.error or "Failure: a step failed")
        uuid = run_id(run.slot, run.job.orchestrator, run.job.name, name)
        told = {"runId": uuid, "facets": facets}
        job = self.job(run.job, "STEP", one.step)
        return self.event(kind, at, told, job, self.data(run, one.step, kind))


def _tries_by_step(run: Run) -> tuple[dict[str, Try], dict[str, Try]]:
    last = {one.step.name: one for one in run.tries}
    return {one.step.name: one for one in reversed(run.tries)}, last


def _tags(run: Run) -> dict[str, str]:
    tags = {
        "dagster/code_location": "analytics",
        "dagster/schedule_name": f"{run.job.name}_schedule",
        ".dagster/scheduled_execution_time": iso(run.slot),
        "team": run.job.team,
    }
    if run.job.partitioned:
        tags["dagster/partition"] = partition(run)
    return tags


def partition(run: Run) -> str:
    """The day before for daily jobs, else the hour."""
    daily = isinstance(run.job.schedule, Cron) and " */" not in run.job.schedule.expression
    if daily and not isinstance(run.job.schedule, Every):
        return (run.slot - timedelta(days=1)).date().isoformat()
    return f"{run.slot:%Y-%m-%d-%H:00}"
