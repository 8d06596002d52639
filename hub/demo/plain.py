"""How jobs without an orchestrator of a known make tell their runs: a host's cron, an own engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hub.demo.chance import run_id
from hub.demo.datasets import passes
from hub.demo.facets import Json, static_event
from hub.demo.nouns import Check, Job, Run, Try
from hub.demo.voice import Voice

STREAM_REPORTS = timedelta(hours=6)


class Host(Voice):
    """A wrapper around the commands of a crontab: start, exit status, nothing about slots."""

    producer = "https://example.org/cron-wrapper/2.1"
    integration = "CRON"

    def tell(self, run: Run) -> Iterator[Json]:
        for one in run.tries:
            yield self._told("START", run, one)
            if one.ending is not None:
                yield self._told(one.ending, run, one)

    def _told(self, kind: str, run: Run, one: Try) -> Json:
        at = one.start if kind == "START" else one.end
        assert at is not None
        facets = self._facets(run, one)
        if kind == "FAIL" and one.error is not None:
            facets["errorMessage"] = self.error(one.error)
        told = {"runId": self._id(run, one), "facets": facets}
        return self.event(kind, at, told, self._job(run), self.data(run, one.step, kind))

    def _id(self, run: Run, one: Try) -> str:
        if one is run.tries[-1]:
            return self.id_of(run)
        return run_id(run.slot, run.job.orchestrator, run.job.name, one.number)

    def _facets(self, run: Run, one: Try) -> Json:  # noqa: ARG002  the engine has more to tell
        return {"processing_engine": self.make("processing_engine", name="cron", version="3.0")}

    def _job(self, run: Run) -> Json:
        return self.job(run.job, "COMMAND")

    def error(self, text: str, language: str = "shell") -> Json:
        return self.make("errorMessage", message=text, programmingLanguage=language)


class Engine(Host):
    """An engine of the house, which tells slots, versions of its code and tests."""

    producer = "https://git.example/settlement"
    integration = "SETTLEMENT"

    def _facets(self, run: Run, one: Try) -> Json:
        tried = {"key": "attempt", "name": "attempt", "value": str(one.number)}
        facets = {
            "processing_engine": self.make("processing_engine", name="settlement", version="41.2"),
            "executionParameters": self.make("executionParameters", parameters=[tried]),
            "nominalTime": self.nominal(run.slot),
            "settlement_batch": self.make("settlement_batch", bank="DE-7", currency="EUR"),
        }
        if one.step.checks and one.ending == "COMPLETE":
            tests = [self._test(run, check) for check in one.step.checks]
            facets["test"] = self.make("test", tests=tests)
        return facets

    def _test(self, run: Run, check: Check) -> Json:
        good = passes(self.seed, run, check, self.span)
        return {
            "name": check.name,
            "status": "pass" if good else "fail",
            "severity": "error",
            "expected": "< 1 %",
            "actual": "0.2 %" if good else "1.7 %",
        }

    def _job(self, run: Run) -> Json:
        return self.described(run.job, "v42" if run.slot >= self.span.change else "v41")

    def described(self, job: Job, version: str) -> Json:
        url = f"https://git.example/settlement/blob/{version}/jobs/{job.name}.kt"
        place = self.make("sourceCodeLocation", type="git", url=url, version=version)
        return self.job(job, "JOB", sourceCodeLocation=place)

    def announce(self, job: Job) -> Json:
        """A JobEvent: what the job reads and writes, before it ever ran."""
        first = self.span.monday - timedelta(weeks=self.span.weeks)
        step = job.steps[0]
        return static_event(
            self.producer,
            "JobEvent",
            first,
            job=self.described(job, "v41"),
            inputs=self.datasets.named(step.reads),
            outputs=self.datasets.named(step.writes),
        )

    def stream(self, run: Run) -> Iterator[Json]:
        """The events of a run without an end, which tells of itself every few hours."""
        one, at = run.tries[0], run.start
        kind = "START"
        while at <= self.span.now:
            told = {"runId": self.id_of(run), "facets": self._facets(run, one)}
            yield self.event(kind, at, told, self._streaming(run), self.data(run, one.step, kind))
            at, kind = at + STREAM_REPORTS, "RUNNING"

    def _streaming(self, run: Run) -> Json:
        job = self._job(run)
        job["facets"]["jobType"]["processingType"] = "STREAMING"
        return job

    def error(self, text: str, language: str = "kotlin") -> Json:
        trace = f"{text}\n\tat com.example.settle.Bank.post(Bank.kt:88)\n"
        message = text.partition(": ")[2]
        return self.make(
            "errorMessage", message=message, programmingLanguage=language, stackTrace=trace
        )
