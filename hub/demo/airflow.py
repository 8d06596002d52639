"""How Airflow 3 and its OpenLineage provider tell a Dag run."""

from __future__ import annotations

from collections.abc import Iterator

from hub.demo.chance import run_id
from hub.demo.facets import Json, iso
from hub.demo.nouns import Cron, Every, Job, Run, Schedule, Try, Updated
from hub.demo.tables import TABLES
from hub.demo.voice import Voice

_STATES = {"COMPLETE": "success", "FAIL": "failed", "ABORT": "failed", None: "running"}
SINCE = "2025-01-01T00:00:00+00:00"


class Airflow(Voice):
    """Every try of a task has a run id of its own; the Dag run keeps its own."""

    producer = "https://github.com/apache/airflow/tree/providers-openlineage/2.20.3"
    integration = "AIRFLOW"

    def tell(self, run: Run) -> Iterator[Json]:
        yield self._dag_run("START", run)
        for one in run.tries:
            yield self._task("START", run, one)
            if one.ending is not None:
                # Airflow has no word for a task that a person stopped: it failed.
                yield self._task("FAIL" if one.ending == "ABORT" else one.ending, run, one)
        if run.ending is not None:
            yield self._dag_run("FAIL" if run.ending == "ABORT" else run.ending, run)

    # -- Dag runs ----------------------------------------------------------------------------------

    def _dag_run(self, kind: str, run: Run) -> Json:
        at = run.start if kind == "START" else run.end
        assert at is not None
        facets = {
            "airflowDagRun": self.make("airflowDagRun", dag=_dag(run.job), dagRun=_dag_run(run)),
            **self._common(run),
        }
        if kind == "START" and run.causes:
            facets["jobDependencies"] = self._dependencies(run)
        if kind != "START":
            facets["airflowState"] = self._state(kind, run)
        if kind == "FAIL":
            facets["errorMessage"] = self.error("task_failure")
        job = self.job(run.job, "DAG")
        return self.event(kind, at, {"runId": self.id_of(run), "facets": facets}, job)

    def _common(self, run: Run) -> Json:
        engine = self.make("processing_engine", name="Airflow", version="3.3.2")
        if run.causes:
            return {"processing_engine": engine}
        return {"processing_engine": engine, "nominalTime": self.nominal(run.slot)}

    def _dependencies(self, run: Run) -> Json:
        upstream = [
            {
                "job": {"namespace": cause.orchestrator, "name": cause.job},
                "run": {"runId": cause.run_id},
                "dependency_type": "IMPLICIT_ASSET_DEPENDENCY",
            }
            for cause in run.causes
        ]
        return self.make("jobDependencies", upstream=upstream, downstream=[])

    def _state(self, kind: str, run: Run) -> Json:
        states = {step.name: "upstream_failed" for step in run.job.steps}
        states |= {one.step.name: _STATES[one.ending] for one in run.tries}
        return self.make("airflowState", dagRunState=_STATES[kind], tasksState=states)

    # -- tasks -------------------------------------------------------------------------------------

    def _task(self, kind: str, run: Run, one: Try) -> Json:
        at = one.start if kind == "START" else one.end
        assert at is not None
        facets = {
            "airflow": self.make("airflow", **_task(run, one)),
            "parent": self.parent(run),
            **self._common(run),
        }
        if kind == "FAIL":
            facets["errorMessage"] = self.error(one.error or "AirflowException: stopped by hand")
        told = {"runId": self.task_id(run, one), "facets": facets}
        job = self.job(run.job, "TASK", one.step)
        return self.event(kind, at, told, job, self.data(run, one.step, kind))

    @staticmethod
    def task_id(run: Run, one: Try) -> str:
        job = run.job
        return run_id(run.slot, job.orchestrator, job.name, one.step.name, one.number)


def _dag(job: Job) -> Json:
    table, summary = _timetable(job.schedule)
    return {
        "dag_id": job.name,
        "description": job.about,
        "owner": f"team:{job.team}",
        "start_date": SINCE,
        "tags": str(list(job.tags)),
        "timetable": table,
        "timetable_summary": summary,
    }


def _timetable(schedule: Schedule) -> tuple[Json, str]:
    match schedule:
        case Cron(expression, zone):
            return {"expression": expression, "timezone": zone, "interval": 0.0}, expression
        case Every(minutes):
            return {"delta": minutes * 60.0, "interval": 0.0}, f"{minutes // 60}:00:00"
        case Updated(tables):
            return {"asset_condition": {"__type": "asset_all", "objects": _assets(tables)}}, "Asset"
        case _:
            return {}, "None"


def _assets(tables: tuple[str, ...]) -> list[Json]:
    found = [TABLES[key] for key in tables]
    return [
        {"__type": "asset", "name": t.name, "uri": f"{t.namespace}/{t.name.replace('.', '/')}"}
        for t in found
    ]


def _dag_run(run: Run) -> Json:
    caused = bool(run.causes)
    names = ("logical_date", "data_interval_start", "data_interval_end")
    slot = {} if caused else dict.fromkeys(names, iso(run.slot))
    return {
        "dag_id": run.job.name,
        "run_id": f"{'asset_triggered' if caused else 'scheduled'}__{iso(run.slot)}",
        "run_type": "asset_triggered" if caused else "scheduled",
        "run_after": iso(run.slot),
        "start_date": iso(run.start),
        "clear_number": 0,
        "conf": {},
        **slot,
    }


def _task(run: Run, one: Try) -> Json:
    dag_run, name = _dag_run(run), one.step.name
    log = f"https://airflow.example/dags/{run.job.name}/runs/{dag_run['run_id']}/tasks/{name}"
    return {
        "dag": {"dag_id": run.job.name},
        "dagRun": dag_run,
        "task": {"task_id": name, "retries": run.job.retries, "owner": f"team:{run.job.team}"},
        "taskInstance": {
            "try_number": one.number,
            "log_url": f"{log}?try_number={one.number}",
        },
        "taskUuid": Airflow.task_id(run, one),
    }
