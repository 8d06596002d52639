"""What events say of jobs and datasets themselves, each facet by the event that last said it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from hub.model import (
    ChangeKind,
    Check,
    CheckStatus,
    DatasetFacts,
    EntityName,
    JobFacts,
    Schedule,
    Tag,
)
from hub.record.incoming import IncomingEvent, compress
from hub.record.marks import Marks
from hub.record.teams import team_of
from hub.record.terms import endings, whole_words
from hub.store.descriptions import CheckRow, Descriptions
from hub.store.ledger import ChangeRow, IoKey, Ledger
from hub.store.rows import DatasetRow, JobRow, RunRow
from hub.store.workset import Workset

_json = msgspec.json.Encoder(order="deterministic")
NO_RUN = 0
NO_DATASET = 0
LONGEST_TERM = 64


class Describer:
    """Applies descriptions to the rows of one batch."""

    def __init__(self, work: Workset, ledger: Ledger, descriptions: Descriptions) -> None:
        self._work = work
        self._ledger = ledger
        self._out = descriptions
        self._job_marks: dict[int, Marks] = {}
        self._dataset_marks: dict[int, Marks] = {}
        self._schemas: dict[tuple[int, bytes], tuple[str, int]] = {}
        self._schema_of: dict[int, tuple[int, bytes]] = {}
        self._waiting: list[tuple[IoKey, DatasetRow, tuple[int, bytes] | None]] = []

    # -- jobs ------------------------------------------------------------------------------------

    def describe_job(self, job: JobRow, item: IncomingEvent) -> None:
        facts = item.event.job
        assert facts is not None
        marks = self._marks_of_job(job)
        for name, payload in facts.facets.items():
            if marks.win(name, item.at, payload):
                self._out.job_facets[(job.id, name)] = (item.at, compress(payload))
                self._take_job_facet(job, name, facts)
        if facts.schedule is not None:
            self.declare(job, facts.schedule, item.at, "facet", item.received_at)

    def declare(self, job: JobRow, schedule: Schedule, at: int, origin: str, now: int) -> None:
        """The job's schedule, as a facet or an observation tells it."""
        if self._marks_of_job(job).win("~schedule", at, _json.encode(schedule)):
            self._out.schedules[job.id] = (schedule, at, origin)
            self._ledger.changes.append(ChangeRow(now, ChangeKind.SCHEDULE_CHANGED, job.id))

    def adopt_child(self, job: JobRow, parent: int, item: IncomingEvent) -> None:
        """The job runs as a part of the job `parent`."""
        # A run may name itself as its root; a job is never its own parent.
        if parent == job.id:
            return
        if self._marks_of_job(job).win("~parent", item.at, str(parent).encode()):
            job.parent_job_id = parent

    def _take_job_facet(self, job: JobRow, name: str, facts: JobFacts) -> None:
        if name == "jobType":
            job.processing, job.integration = facts.processing, facts.integration
            job.kind = facts.kind
        elif name == "documentation":
            job.description = facts.description
        elif name == "sourceCodeLocation":
            job.location = facts.location
        elif name == "ownership":
            job.owners = _list(facts.owners)
            job.team = team_of(facts.owners or ()) or job.team
            self._ledger.find(whole_words(facts.owners or ()), "job", job.id, "owner")
        elif name == "tags":
            self._out.job_tags[job.id] = facts.tags or ()
            self._ledger.find(_tag_terms(facts.tags), "job", job.id, "tag")
        self._ledger.find(facet_terms(facts.facets[name]), "job", job.id, "facet")

    def _marks_of_job(self, job: JobRow) -> Marks:
        marks = self._job_marks.get(job.id)
        if marks is None:
            marks = self._job_marks[job.id] = Marks(job.facet_marks)
        return marks

    # -- datasets --------------------------------------------------------------------------------

    def new_dataset(self, name: EntityName, now: int) -> DatasetRow:
        row = DatasetRow(
            id=self._work.ids.take("dataset"),
            namespace_id=self._work.namespaces.id_of(name.namespace),
            name=name.name,
            hidden=False,
            created_at=now,
            updated_at=now,
        )
        return self._work.add_dataset(name, row)

    def describe_dataset(
        self, row: DatasetRow, facts: DatasetFacts, job: JobRow | None, item: IncomingEvent
    ) -> tuple[int, bytes] | None:
        """Takes what the event says of the dataset; returns the key of the schema it shows."""
        marks = self._marks_of_dataset(row)
        schema = self._schema_key(row, facts, item)
        for name, payload in facts.facets.items():
            mark = name
            if name in {"columnLineage", "lineage"}:
                # Several jobs may write one dataset, each with lineage of its own.
                mark = f"{name}@{job.id if job else 0}"
            if marks.win(mark, item.at, payload):
                self._out.dataset_facets[(row.id, name)] = (item.at, compress(payload))
                self._take_dataset_facet(row, name, facts, job, item, schema)
        return schema

    def _take_dataset_facet(
        self,
        row: DatasetRow,
        name: str,
        facts: DatasetFacts,
        job: JobRow | None,
        item: IncomingEvent,
        schema: tuple[int, bytes] | None,
    ) -> None:
        find = self._ledger.find
        if name == "schema" and schema is not None:
            self._schema_of[row.id] = schema
            find(whole_words(f.name for f in facts.fields or ()), "dataset", row.id, "facet")
            return
        if name == "documentation":
            row.description = facts.description
        elif name == "dataSource":
            row.source_name, row.source_uri = facts.source_name, facts.source_uri
            if facts.source_name:
                self._out.sources[facts.source_name] = facts.source_uri or ""
        elif name == "ownership":
            row.owners = _list(facts.owners)
            row.team = team_of(facts.owners or ()) or row.team
            find(whole_words(facts.owners or ()), "dataset", row.id, "owner")
        elif name == "tags":
            self._out.dataset_tags[row.id] = facts.tags or ()
            find(_tag_terms(facts.tags), "dataset", row.id, "tag")
        elif name in {"columnLineage", "lineage"}:
            self._take_columns(row, facts, job, item)
            return
        else:
            self._take_plain(row, name, facts)
        find(facet_terms(facts.facets[name]), "dataset", row.id, "facet")

    def _take_plain(self, row: DatasetRow, name: str, facts: DatasetFacts) -> None:
        if name == "datasetType":
            row.kind = facts.kind
        elif name == "lifecycleStateChange":
            row.lifecycle = facts.lifecycle
        elif name == "version":
            row.version = facts.version

    def _take_columns(
        self, row: DatasetRow, facts: DatasetFacts, job: JobRow | None, item: IncomingEvent
    ) -> None:
        number = job.id if job else 0
        rows = set()
        for edge in facts.column_lineage or ():
            source = self._work.dataset(edge.from_dataset)
            source = source or self._introduced(edge.from_dataset, item.received_at)
            ends = (row.id, number, edge.to_field or "", source.id, edge.from_field or "")
            kinds = (edge.kind or "", edge.subtype or "")
            rows.add((*ends, *kinds, edge.description, edge.masking, item.at))
        self._out.column_edges[(row.id, number)] = sorted(rows, key=lambda r: r[:7])

    def _introduced(self, name: EntityName, now: int) -> DatasetRow:
        row = self.new_dataset(name, now)
        self._ledger.counters[("datasets", row.namespace_id)] += 1
        self._ledger.find(endings(name.name), "dataset", row.id, "name")
        return row

    def _marks_of_dataset(self, row: DatasetRow) -> Marks:
        marks = self._dataset_marks.get(row.id)
        if marks is None:
            marks = self._dataset_marks[row.id] = Marks(row.facet_marks)
        return marks

    # -- schemas ---------------------------------------------------------------------------------

    def _schema_key(
        self, row: DatasetRow, facts: DatasetFacts, item: IncomingEvent
    ) -> tuple[int, bytes] | None:
        if facts.fields is None:
            return None
        text = _json.encode([[f.name, f.type, f.description] for f in facts.fields])
        key = (row.id, hashlib.blake2b(text, digest_size=16).digest())
        held = self._schemas.get(key)
        first = item.at if held is None else min(held[1], item.at)
        self._schemas[key] = (text.decode(), first)
        return key

    def await_schema(self, row: DatasetRow, key: IoKey, schema: tuple[int, bytes] | None) -> None:
        """The run's dealing with the dataset gets the schema it showed, else the current one."""
        self._waiting.append((key, row, schema))

    # -- checks ----------------------------------------------------------------------------------

    def check(
        self, row: DatasetRow, facts: DatasetFacts, run: RunRow | None, item: IncomingEvent
    ) -> None:
        partition = facts.partition or (run.partition_key if run else None) or ""
        self._take_checks(row.id, partition, facts.checks, run, item)

    def check_run(self, run: RunRow, checks: Sequence[Check], item: IncomingEvent) -> None:
        self._take_checks(NO_DATASET, run.partition_key or "", checks, run, item)

    def _take_checks(
        self,
        dataset: int,
        partition: str,
        checks: Sequence[Check],
        run: RunRow | None,
        item: IncomingEvent,
    ) -> None:
        for c in checks:
            key = (dataset, c.name, c.column or "", partition, run.id if run else NO_RUN)
            new = CheckRow(item.at, c.status, c.severity, c.expected, c.actual)
            held = self._out.checks.get(key)
            if held is None or check_order(new) > check_order(held):
                self._out.checks[key] = new

    # -- the end of the batch --------------------------------------------------------------------

    def finish(self, now: int) -> None:
        """What needs the store: schemas, and which checks are news. Then the marks."""
        ids = self._out.schema_ids(self._work.bulk, self._work.ids, self._schemas)
        for dataset, key in self._schema_of.items():
            self._set_schema(self._work.datasets.rows[dataset], ids[key], now)
        for io_key, row, schema in self._waiting:
            io = self._ledger.io.get(io_key)
            if io is not None:
                io.schema_id = ids[schema] if schema else io.schema_id or row.schema_id
        self._settle_checks(now)
        for number, marks in self._job_marks.items():
            if marks.changed:
                self._work.jobs.rows[number].facet_marks = marks.text()
        for number, marks in self._dataset_marks.items():
            if marks.changed:
                self._work.datasets.rows[number].facet_marks = marks.text()

    def _set_schema(self, row: DatasetRow, schema: int, now: int) -> None:
        if row.schema_id is not None and row.schema_id != schema:
            self._ledger.changes.append(
                ChangeRow(now, ChangeKind.SCHEMA_CHANGED, dataset_id=row.id)
            )
        row.schema_id = schema

    def _settle_checks(self, now: int) -> None:
        held = self._out.held_checks(self._work.bulk)
        for key, old in held.items():
            if check_order(old) >= check_order(self._out.checks[key]):
                del self._out.checks[key]
        for key, new in self._out.checks.items():
            before = held.get(key)
            if new.status != CheckStatus.SKIPPED and (
                before is None or before.status != new.status
            ):
                self._ledger.changes.append(_check_change(now, key, new))

    @staticmethod
    def tags_text(tags: tuple[Tag, ...] | None) -> str | None:
        """A run's tags as JSON."""
        return _json.encode([[t.key, t.value] for t in tags]).decode() if tags else None


def check_order(check: CheckRow) -> tuple[int, str, str, str, str]:
    return (
        check.at,
        check.status,
        check.severity,
        check.expected or "",
        check.actual or "",
    )


def facet_terms(payload: bytes) -> set[str]:
    """Short texts directly in a facet, for search; the spec's own `_` members are left out."""
    values: Any = msgspec.json.decode(payload)
    if not isinstance(values, dict):
        return set()
    texts = (v for k, v in values.items() if isinstance(v, str) and not k.startswith("_"))
    return {t.lower() for t in texts if 1 < len(t) <= LONGEST_TERM}


def _check_change(now: int, key: tuple[int, str, str, str, int], check: CheckRow) -> ChangeRow:
    failed = check.status == CheckStatus.FAILED
    detail = {"check": key[1], "column": key[2], "partition": key[3], "severity": check.severity}
    return ChangeRow(
        now,
        ChangeKind.CHECK_FAILED if failed else ChangeKind.CHECK_PASSED,
        run_id=key[4] or None,
        dataset_id=key[0] or None,
        detail=_json.encode(detail).decode(),
    )


def _list(values: Iterable[str] | None) -> str | None:
    return None if values is None else _json.encode(list(values)).decode()


def _tag_terms(tags: Iterable[Tag] | None) -> set[str]:
    return whole_words(text for t in tags or () for text in (t.key, t.value))
