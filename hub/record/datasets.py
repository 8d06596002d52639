"""What events say of datasets, each facet by the event that last said it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from hub.model import ChangeKind, DatasetFacts
from hub.record.cast import Cast
from hub.record.incoming import IncomingEvent, compress
from hub.record.marks import Marks
from hub.record.teams import TEAM, team_of
from hub.record.terms import facet_terms, json_list, tag_terms, to_json, whole_words
from hub.store.descriptions import Descriptions
from hub.store.ledger import ChangeRow, Ledger
from hub.store.merge import COLUMNS
from hub.store.rows import DatasetRow, JobRow
from hub.store.schemas import SchemaKey, schema_ids
from hub.store.workset import Workset

NO_JOB = 0
#: Facets whose values are found as columns, owners or tags, or are names of other datasets.
_FOUND_OTHERWISE = frozenset({"columnLineage", "lineage", "ownership", "schema", "tags"})


class DatasetDescriber:
    """Applies descriptions to the datasets of one batch."""

    def __init__(
        self, work: Workset, cast: Cast, ledger: Ledger, descriptions: Descriptions, now: int
    ) -> None:
        self._work = work
        self._cast = cast
        self._ledger = ledger
        self._out = descriptions
        self._now = now
        self._marks: dict[int, Marks] = {}
        self._schemas: dict[SchemaKey, int] = {}

    def load(self, events: Iterable[IncomingEvent]) -> None:
        """Finds or makes the schemas that the events show."""
        shown: dict[SchemaKey, tuple[str, int]] = {}
        for item in events:
            for facts in item.event.datasets:
                if facts.fields is not None:
                    text = _text_of_schema(facts)
                    key = (self._cast.meant(facts.name).id, _digest(text))
                    first = min(item.at, shown.get(key, ("", item.at))[1])
                    shown[key] = (text.decode(), first)
        self._schemas = schema_ids(self._work.bulk, self._work.ids, shown)

    def schema_shown(self, row: DatasetRow, facts: DatasetFacts) -> tuple[int, bytes] | None:
        """The id and the digest of the schema that the event shows."""
        if facts.fields is None:
            return None
        digest = _digest(_text_of_schema(facts))
        return self._schemas[row.id, digest], digest

    def describe(
        self, row: DatasetRow, facts: DatasetFacts, job: JobRow | None, item: IncomingEvent
    ) -> None:
        """Takes what the event says of the dataset."""
        marks = self._marks_of(row)
        for name, payload in facts.facets.items():
            if marks.win(name, item.at, payload):
                self._out.dataset_facets[row.id, name] = (item.at, compress(payload))
                self._take(row, name, facts)
                if name not in _FOUND_OTHERWISE:
                    self._find(row, f"facet:{name}", name, facet_terms(payload))
        if team := team_of(facts.owners or ()):
            self._give(row, team, item.at)
        if facts.source_name:
            self._out.come_from(facts.source_name, facts.source_uri or "", item.at)
        if facts.column_lineage is not None:
            self._take_columns(row, facts, job, item)

    def finish(self) -> None:
        for number, marks in self._marks.items():
            if marks.changed:
                self._work.datasets.rows[number].facet_marks = marks.text()

    def _take(self, row: DatasetRow, name: str, facts: DatasetFacts) -> None:
        if name == "schema":
            self._take_schema(row, facts)
        elif name == "documentation":
            row.description = facts.description or None
        elif name == "dataSource":
            row.source_name, row.source_uri = facts.source_name, facts.source_uri
        elif name == "ownership":
            row.owners = json_list(facts.owners)
            self._find(row, "owner", name, whole_words(facts.owners or ()))
        elif name == "tags":
            self._out.dataset_tags[row.id] = facts.tags or ()
            self._find(row, "tag", name, tag_terms(facts.tags))
        elif name == "datasetType":
            row.kind = facts.kind
        elif name == "lifecycleStateChange":
            row.lifecycle = facts.lifecycle
        elif name == "version":
            row.version = facts.version

    def _give(self, row: DatasetRow, team: str, at: int) -> None:
        """The team that owners named last; owners without a team take it from nobody."""
        if self._marks_of(row).win(TEAM, at, team.encode()):
            row.team = team

    def _take_schema(self, row: DatasetRow, facts: DatasetFacts) -> None:
        before, shown = row.schema_id, self.schema_shown(row, facts)
        row.schema_id = shown[0] if shown else None
        if before is not None and row.schema_id != before:
            self._ledger.changes.append(
                ChangeRow(self._now, ChangeKind.SCHEMA_CHANGED, dataset_id=row.id)
            )
        columns = whole_words(field.name for field in facts.fields or ())
        self._find(row, "facet:schema", "schema", columns)

    def _take_columns(
        self, row: DatasetRow, facts: DatasetFacts, job: JobRow | None, item: IncomingEvent
    ) -> None:
        """Several jobs may write one dataset, each with lineage of its own."""
        number = job.id if job else NO_JOB
        edges = facts.column_lineage or ()
        if not self._marks_of(row).win(f"{COLUMNS}{number}", item.at, to_json(edges)):
            return
        rows = {}
        for edge in edges:
            source = self._cast.meant(edge.from_dataset).id
            ends = (row.id, number, edge.to_field or "", source, edge.from_field or "")
            key = (*ends, edge.kind or "", edge.subtype or "")
            rows[key] = (*key, edge.description, edge.masking, item.at)
        self._out.column_edges[row.id, number] = [rows[key] for key in sorted(rows)]

    def _find(self, row: DatasetRow, origin: str, facet: str, terms: set[str]) -> None:
        before = self._marks_of(row).stored(facet)
        self._ledger.find_anew("dataset", row.id, origin, terms, before=before)

    def _marks_of(self, row: DatasetRow) -> Marks:
        marks = self._marks.get(row.id)
        if marks is None:
            marks = self._marks[row.id] = Marks(row.facet_marks)
        return marks


def _text_of_schema(facts: DatasetFacts) -> bytes:
    return to_json([[f.name, f.type, f.description] for f in facts.fields or ()])


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()
