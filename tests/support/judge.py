"""Judges a store by what the events' facets say, read from their JSON and not by our decoder.

Only the order of events is taken from the decoder: their times are sloppy, and tested elsewhere.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import UUID

import zstandard

from hub.openlineage.decode import decode_event
from hub.store.types import to_micros
from tests.support.recording import Recording

ENDS = {"COMPLETE": "COMPLETED", "FAIL": "FAILED", "ABORT": "ABORTED"}
RANKS = ["COMPLETE", "ABORT", "FAIL"]
Name = tuple[str, str]
Fault = str


class Told:
    """One event as it came."""

    def __init__(self, raw: bytes) -> None:
        self.json: dict[str, Any] = json.loads(raw)
        self.at = to_micros(decode_event(raw).event_time)
        self.kind = str(self.json.get("eventType", "OTHER")).upper()

    @property
    def job(self) -> Name | None:
        return name_of(self.json["job"]) if self.json.get("job") else None

    @property
    def run(self) -> bytes | None:
        """The run's id, if it is one."""
        try:
            return UUID(self.json["run"]["runId"]).bytes
        except (KeyError, TypeError, ValueError):
            return None

    def facet(self, of: str, name: str) -> dict[str, Any]:
        found = ((self.json.get(of) or {}).get("facets") or {}).get(name)
        return found if isinstance(found, dict) and not found.get("_deleted") else {}

    @property
    def is_sparks(self) -> bool:
        return self.facet("job", "jobType").get("integration") == "SPARK"

    @property
    def is_unended(self) -> bool:
        """Of an RDD that writes nothing Spark tells no success."""
        rdd = self.facet("job", "jobType").get("jobType") == "RDD_JOB"
        return self.is_sparks and rdd and not self.json["outputs"]

    def datasets(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for side, direction in (("inputs", "INPUT"), ("outputs", "OUTPUT")):
            yield from ((direction, one) for one in self.json.get(side) or ())

    def alone(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The dataset of a DatasetEvent."""
        if not self.json.get("run") and self.json.get("dataset"):
            yield "", self.json["dataset"]


class Judge:
    """Reads the store once; each question yields what is wrong."""

    def __init__(self, record: Recording, raws: Iterable[bytes]) -> None:
        self.told = [Told(raw) for raw in raws]
        self._rows = record.rows
        spaces = dict(record.rows("SELECT id, name FROM namespace"))
        self.jobs = {
            (spaces[row[1]], row[2]): row
            for row in record.rows(
                "SELECT id, namespace_id, name, kind, integration, description, owners, location FROM job"
            )
        }
        self.datasets = {
            (spaces[row[1]], row[2]): row[3] or row[0]
            for row in record.rows("SELECT id, namespace_id, name, canonical_id FROM dataset")
        }
        self.attempts = {
            (row[0], row[1]): row
            for row in record.rows(
                "SELECT a.uuid, a.job_id, a.id, a.state, a.error_message, a.no, r.natural_id, r.map_index,"
                " r.id, r.parent_run_id, r.nominal_start, r.engine"
                " FROM attempt a JOIN run r ON r.id = a.run_id"
            )
        }

    def faults(self) -> Iterator[Fault]:
        questions: tuple[Callable[[], Iterator[Fault]], ...] = (
            self.everybody_is_there, self.states, self.airflow, self.parents, self.errors, self.times,
            self.io, self.updates, self.job_facets, self.dataset_facets, self.jobs_described,
            self.schemas, self.columns, self.events_kept,
        )  # fmt: skip
        for question in questions:
            yield from (f"{question.__name__}: {fault}" for fault in question())

    # -- runs ------------------------------------------------------------------------------------

    def everybody_is_there(self) -> Iterator[Fault]:
        for one in self.told:
            if one.job and one.job not in self.jobs:
                yield f"job {one.job}"
            elif one.job and one.run and (one.run, self.jobs[one.job][0]) not in self.attempts:
                yield f"run {one.run.hex()} of {one.job}"
            for _, dataset in one.datasets():
                if name_of(dataset) not in self.datasets:
                    yield f"dataset {name_of(dataset)}"

    def _by_attempt(self) -> Iterator[tuple[Any, list[Told]]]:
        found: dict[Any, list[Told]] = defaultdict(list)
        for one in self.told:
            if one.job and one.run:
                found[one.run, self.jobs[one.job][0]].append(one)
        yield from ((self.attempts[key], events) for key, events in found.items())

    def states(self) -> Iterator[Fault]:
        for attempt, events in self._by_attempt():
            ends = [(e.at, RANKS.index(e.kind)) for e in ends_of(events)]
            started = any(e.kind in {"START", "RUNNING"} and not e.is_unended for e in events)
            expected = ENDS[RANKS[max(ends)[1]]] if ends else "RUNNING" if started else "NEW"
            if attempt[3] != expected:
                yield f"{attempt[0].hex()} is {attempt[3]} and should be {expected}"

    def airflow(self) -> Iterator[Fault]:
        for attempt, events in self._by_attempt():
            for one in events:
                task, dag = one.facet("run", "airflow"), one.facet("run", "airflowDagRun")
                natural = ((task or dag).get("dagRun") or {}).get("run_id")
                if natural and attempt[6] != natural:
                    yield f"{attempt[6]!r} should be {natural!r}"
                instance = task.get("taskInstance") or {}
                if instance.get("map_index", attempt[7]) != attempt[7]:
                    yield f"map index {attempt[7]}, {instance}"
                if (instance.get("try_number") or 0) > attempt[5]:
                    yield f"try {attempt[5]}, {instance}"

    def parents(self) -> Iterator[Fault]:
        run_of = {key: row[8] for key, row in self.attempts.items()}
        for attempt, events in self._by_attempt():
            named = [
                p for e in events if (p := e.facet("run", "parent") or e.facet("run", "parentRun"))
            ]
            wanted = set()
            for parent in named:
                try:
                    key = (UUID(parent["run"]["runId"]).bytes, self.jobs[name_of(parent["job"])][0])
                except ValueError:
                    continue
                wanted.add(run_of.get(key))
            if wanted and attempt[9] not in wanted:
                yield f"run {attempt[8]} has parent {attempt[9]}, told were {wanted}"

    def errors(self) -> Iterator[Fault]:
        for attempt, events in self._by_attempt():
            ends = [(e.at, RANKS.index(e.kind), e) for e in ends_of(events)]
            if not ends:
                continue
            last = max(ends, key=lambda end: end[:2])[2]
            facets = (last.facet("run", name) for name in ("errorMessage", "spark.exception"))
            message = next((one["message"] for one in facets if one), None)
            if message != attempt[4] and not ties(ends):
                yield f"{attempt[4]!r} should be {message!r}"

    def times(self) -> Iterator[Fault]:
        for attempt, events in self._by_attempt():
            engines = [e.facet("run", "processing_engine").get("version") for e in events]
            told = [version for version in engines if version]
            if told and not any(version in (attempt[11] or "") for version in told):
                yield f"engine {attempt[11]}, told were {told}"
            nominal = any(e.facet("run", "nominalTime").get("nominalStartTime") for e in events)
            if nominal and attempt[10] is None:
                yield f"no nominal time of {attempt[0].hex()}"

    # -- datasets --------------------------------------------------------------------------------

    def io(self) -> Iterator[Fault]:
        held = {
            tuple(row[:3]): row[3]
            for row in self._rows(
                "SELECT attempt_id, direction, dataset_id, max(rows) FROM run_dataset GROUP BY 1, 2, 3"
            )
        }
        edges = set(self._rows("SELECT job_id, direction, dataset_id FROM edge"))
        for attempt, events in self._by_attempt():
            for direction, dataset in (pair for one in events for pair in one.datasets()):
                key = self.datasets[name_of(dataset)]
                if (attempt[2], direction, key) not in held:
                    yield f"{direction} {name_of(dataset)} of {attempt[0].hex()}"
                if (attempt[1], direction, key) not in edges:
                    yield f"edge {direction} {name_of(dataset)}"
                count = (
                    (dataset.get("outputFacets") or {}).get("outputStatistics", {}).get("rowCount")
                )
                if direction == "OUTPUT" and (count or 0) > (
                    held.get((attempt[2], direction, key)) or 0
                ):
                    yield f"rows of {name_of(dataset)}"

    def updates(self) -> Iterator[Fault]:
        held = set(self._rows("SELECT cause, dataset_id FROM dataset_update"))
        for attempt, events in self._by_attempt():
            outputs = {
                self.datasets[name_of(d)]
                for e in events
                for side, d in e.datasets()
                if side == "OUTPUT"
            }
            completed = any(e.kind == "COMPLETE" for e in ends_of(events))
            for key in outputs:
                if ((attempt[2], key) in held) != completed:
                    yield f"dataset {key} of {attempt[0].hex()}, completed: {completed}"

    # -- facets ----------------------------------------------------------------------------------

    def job_facets(self) -> Iterator[Fault]:
        said = (
            (self.jobs[one.job][0], one.at, facets_of(one.json["job"]))
            for one in self.told
            if one.job
        )
        yield from self._kept("job_facet", "job_id", said)

    def dataset_facets(self) -> Iterator[Fault]:
        said = (
            (self.datasets[name_of(dataset)], one.at, facets_of(dataset))
            for one in self.told
            for _, dataset in (*one.datasets(), *one.alone())
        )
        yield from self._kept("dataset_facet", "dataset_id", said)

    def _kept(
        self, table: str, column: str, said: Iterable[tuple[int, int, dict]]
    ) -> Iterator[Fault]:
        """Of each facet one of the latest versions, with nothing left out."""
        latest: dict[tuple[int, str], tuple[int, list[Any]]] = {}
        for key, at, facets in said:
            for name, value in facets.items():
                before, values = latest.get((key, name), (at, []))
                if at >= before:
                    latest[key, name] = (at, [*values, value] if at == before else [value])
        held = {
            (row[0], row[1]): json.loads(zstandard.decompress(row[2]))
            for row in self._rows(f"SELECT {column}, name, payload FROM {table}")
        }
        for place, (_, values) in latest.items():
            if held.get(place) not in values:
                yield f"{place} is {held.get(place)}, told were {values}"

    def jobs_described(self) -> Iterator[Fault]:
        for one in self.told:
            kind = one.facet("job", "jobType")
            row = self.jobs[one.job] if one.job else None
            if row and kind and (row[4], row[3]) != (kind.get("integration"), kind.get("jobType")):
                yield f"{one.job} is {row[3:5]}, told was {kind}"
            told = one.facet("job", "documentation").get("description")
            if row and told and not row[5]:
                yield f"no description of {one.job}"
            if row and one.facet("job", "ownership").get("owners") and not row[6]:
                yield f"no owners of {one.job}"

    def schemas(self) -> Iterator[Fault]:
        held: dict[int, list[set[str]]] = defaultdict(list)
        for key, fields in self._rows("SELECT dataset_id, fields FROM dataset_schema"):
            held[key].append({field[0] for field in json.loads(fields)})
        for one in self.told:
            for _, dataset in one.datasets():
                facet = facets_of(dataset).get("schema") or {}
                names = {field["name"] for field in facet.get("fields") or ()}
                shown = held[self.datasets[name_of(dataset)]]
                if names and not any(names <= fields for fields in shown):
                    yield f"{name_of(dataset)} has {shown}, shown was {names}"

    def columns(self) -> Iterator[Fault]:
        held = {
            tuple(row)
            for row in self._rows(
                "SELECT dataset_id, to_field, from_dataset_id, from_field FROM column_edge"
            )
        }
        last: dict[tuple[int, Name], tuple[int, dict]] = {}
        for one in self.told:
            for _, dataset in one.datasets():
                facet = facets_of(dataset).get("columnLineage")
                if facet and one.job:
                    place = (self.datasets[name_of(dataset)], one.job)
                    last[place] = max(last.get(place, (0, {})), (one.at, facet), key=lambda v: v[0])
        for (key, _), (_, facet) in last.items():
            for to, column in facet["fields"].items():
                for source in column["inputFields"]:
                    edge = (key, to, self.datasets.get(name_of(source)), source["field"])
                    if edge not in held:
                        yield f"{edge}"

    def events_kept(self) -> Iterator[Fault]:
        held = [
            json.loads(zstandard.decompress(row[0]))
            for row in self._rows("SELECT payload FROM lineage_event")
        ]
        kept = {json.dumps(event, sort_keys=True) for event in held}
        for one in self.told:
            if json.dumps(one.json, sort_keys=True) not in kept:
                yield str(one.json)[:200]


def ends_of(events: list[Told]) -> list[Told]:
    """Spark tells COMPLETE too of an action that has failed."""
    failed = [e for e in events if e.kind == "FAIL" and e.is_sparks]
    return failed or [e for e in events if e.kind in ENDS]


def name_of(entity: dict[str, Any]) -> Name:
    return (entity["namespace"] or "default", entity["name"])


def facets_of(entity: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in (entity.get("facets") or {}).items() if value is not None
    }


def ties(ends: list[tuple[int, int, Told]]) -> bool:
    """Whether several events have an equal claim to be the last."""
    last = max(end[:2] for end in ends)
    return sum(end[:2] == last for end in ends) > 1
