"""What all orchestrators of the demo tell in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from hub.demo.chance import run_id
from hub.demo.datasets import Datasets
from hub.demo.facets import Json, facet, iso, run_event
from hub.demo.nouns import Job, Run, Span, Step


class Voice:
    """How one kind of orchestrator tells a run as OpenLineage events."""

    producer: ClassVar[str]
    integration: ClassVar[str]

    def __init__(self, seed: int, span: Span) -> None:
        self.seed = seed
        self.span = span
        self.datasets = Datasets(self.producer, seed, span)

    def tell(self, run: Run) -> Iterator[Json]:
        """The run's events; some lie after the present."""
        raise NotImplementedError

    def id_of(self, run: Run) -> str:
        """The run id of the run as a whole."""
        return run_id(run.slot, run.job.orchestrator, run.job.name)

    def make(self, name: str, /, **content: Any) -> Json:
        return facet(self.producer, name, **content)

    def event(
        self,
        kind: str,
        at: datetime,
        run: Json,
        job: Json,
        data: tuple[list[Json], list[Json]] = ([], []),
    ) -> Json:
        return run_event(self.producer, kind, at, run, job, *data)

    def job(self, job: Job, kind: str, step: Step | None = None, **more: Json) -> Json:
        """The job, or a step of it, with what describes it."""
        name = job.name if step is None else f"{job.name}.{step.name}"
        owner = {"name": f"team:{job.team}", "type": "MAINTAINER"}
        facets = {
            "jobType": self.make(
                "jobType", processingType="BATCH", integration=self.integration, jobType=kind
            ),
            "ownership": self.make("ownership", owners=[owner]),
            **more,
        }
        if step is None:
            facets |= self._description(job)
        elif step.sql:
            facets["sql"] = self.make("sql", query=step.sql)
        return {"namespace": job.orchestrator, "name": name, "facets": facets}

    def _description(self, job: Job) -> Json:
        tags = [{"key": tag, "value": tag, "source": self.integration} for tag in job.tags]
        described = {"documentation": self.make("documentation", description=job.about)}
        return described | ({"tags": self.make("tags", tags=tags)} if tags else {})

    def parent(self, run: Run) -> Json:
        """The facet that names the run a step belongs to."""
        whole = {
            "run": {"runId": self.id_of(run)},
            "job": {"namespace": run.job.orchestrator, "name": run.job.name},
        }
        return self.make("parent", **whole, root=whole)

    def nominal(self, at: datetime) -> Json:
        return self.make("nominalTime", nominalStartTime=iso(at))

    def error(self, text: str, language: str = "python") -> Json:
        trace = f'Traceback (most recent call last):\n  File "job.py", line 41, in run\n{text}\n'
        message = text.partition(": ")[2] or text
        return self.make(
            "errorMessage", message=message, programmingLanguage=language, stackTrace=trace
        )

    def data(self, run: Run, step: Step, kind: str) -> tuple[list[Json], list[Json]]:
        """Inputs and outputs: named when a step starts, with all that is known when it is done."""
        if kind == "COMPLETE":
            return self.datasets.read(run, step), self.datasets.written(run, step)
        outputs = step.writes if run.wrote else ()
        return self.datasets.named(step.reads), self.datasets.named(outputs)
