"""What events and observations say of jobs, each facet by the event that last said it."""

from __future__ import annotations

from msgspec.structs import replace

from hub.model import ChangeKind, EntityName, JobFacts, Schedule
from hub.record.incoming import IncomingEvent, compress
from hub.record.marks import Marks
from hub.record.teams import TEAM, team_of
from hub.record.terms import facet_terms, json_list, tag_terms, to_json, whole_words
from hub.store.descriptions import NO_LIMITS, Descriptions, limits_of
from hub.store.ledger import ChangeRow, Ledger
from hub.store.rows import JobRow
from hub.store.workset import Workset


class JobDescriber:
    """Applies descriptions to the jobs of one batch."""

    def __init__(self, work: Workset, ledger: Ledger, descriptions: Descriptions) -> None:
        self._work = work
        self._ledger = ledger
        self._out = descriptions
        self._marks: dict[int, Marks] = {}
        self.relocated: set[int] = set()

    def describe(self, job: JobRow, item: IncomingEvent) -> None:
        """Takes what the event says of its job."""
        facts = item.event.job
        assert facts is not None
        marks = self._marks_of(job)
        for name, payload in facts.facets.items():
            if marks.win(name, item.at, payload):
                self._out.job_facets[job.id, name] = (item.at, compress(payload))
                self._take(job, name, facts, item)
                if name not in {"ownership", "tags"}:
                    self._find(job, f"facet:{name}", name, facet_terms(payload))
        # The team that owners named last; owners without a team take it from nobody.
        team = team_of(facts.owners or ())
        if team is not None and marks.win(TEAM, item.at, team.encode()):
            job.team = team
        if facts.schedule is not None:
            self.declare(job, facts.schedule, item.at, "facet", item.received_at)
        for warning in item.event.warnings:
            self._ledger.warn(job.id, warning.path, warning.message, item.at)

    def declare(self, job: JobRow, schedule: Schedule, at: int, origin: str, now: int) -> None:
        """The job's schedule, as a facet or an observation tells it.

        A facet says when the job is meant to run, and nothing of its being paused: that stays as
        the last one said who knew.
        """
        marks, limits = self._marks_of(job), limits_of(schedule)
        changed = marks.win("~schedule", at, to_json(replace(schedule, **NO_LIMITS)))
        if changed:
            self._out.schedules[job.id] = (schedule, at, origin)
        if limits != tuple(NO_LIMITS.values()) and marks.win("~limits", at, to_json(limits)):
            self._out.limits[job.id] = limits
            changed = True
        if changed:
            self._ledger.changes.append(ChangeRow(now, ChangeKind.SCHEDULE_CHANGED, job.id))

    def adopt(self, job: JobRow, parent: JobRow, name: EntityName, item: IncomingEvent) -> None:
        """The job runs as a part of the job `parent`, which is called `name`."""
        # A run may name itself as its root; a job is never its own parent.
        if parent.id == job.id:
            return
        if self._marks_of(job).win("~parent", item.at, to_json(name)):
            job.parent_job_id = parent.id

    def finish(self) -> None:
        for number, marks in self._marks.items():
            if marks.changed:
                self._work.jobs.rows[number].facet_marks = marks.text()

    def _take(self, job: JobRow, name: str, facts: JobFacts, item: IncomingEvent) -> None:
        if name == "jobType":
            job.processing, job.integration = facts.processing, facts.integration
            job.kind = facts.kind
        elif name == "documentation":
            job.description = facts.description or None
        elif name == "sourceCodeLocation":
            job.location = facts.location
            self.relocated.add(job.id)
        elif name == "ownership":
            job.owners = json_list(facts.owners)
            job.team = job.team or item.sender.team
            self._find(job, "owner", name, whole_words(facts.owners or ()))
        elif name == "tags":
            self._out.job_tags[job.id] = facts.tags or ()
            self._find(job, "tag", name, tag_terms(facts.tags))

    def _find(self, job: JobRow, origin: str, facet: str, terms: set[str]) -> None:
        before = self._marks_of(job).stored(facet)
        self._ledger.find_anew("job", job.id, origin, terms, before=before)

    def _marks_of(self, job: JobRow) -> Marks:
        marks = self._marks.get(job.id)
        if marks is None:
            marks = self._marks[job.id] = Marks(job.facet_marks)
        return marks
