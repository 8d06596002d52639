"""Builds a small world row by row, for tests of what reads it. Times are minutes from `START`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import zstandard
from sqlalchemy import Connection, insert, update

from hub.model import Viewer
from hub.record.terms import endings
from hub.store import tables as t
from hub.store.types import to_micros

START = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
EVERYBODY = Viewer(all=True)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def uuid_of(number: int) -> UUID:
    """A recognisable run id."""
    return UUID(int=(0xA << 124) | number)


class Build:
    """Inserts rows through one connection; every method returns the id of what it made."""

    def __init__(self, connection: Connection, first_id: int = 1) -> None:
        """`first_id`: above those of an earlier build in the same store."""
        self.connection = connection
        self._ids = count(first_id)
        self._seq = count(1)
        self._namespaces: dict[str, int] = {}
        self._runs = count(1)
        self._attempts: dict[int | None, int] = {}

    def _put(self, table: Any, **values: Any) -> None:
        self.connection.execute(insert(table).values(**values))

    def _count(self, name: str, scope: int) -> None:
        key = {"name": name, "scope_id": scope, "writer_id": 1}
        rows = t.counter.c
        where = (rows.name == name) & (rows.scope_id == scope)
        grown = update(t.counter).where(where).values(value=rows.value + 1)
        if not self.connection.execute(grown).rowcount:
            self._put(t.counter, **key, value=1)

    def namespace(self, name: str = "ns") -> int:
        if name not in self._namespaces:
            self._namespaces[name] = key = next(self._ids)
            self._put(
                t.namespace, id=key, name=name, hidden=False, created_at=at(0), updated_at=at(0)
            )
        return self._namespaces[name]

    def team(self, name: str, *, private: bool = True) -> str:
        self._put(t.team, name=name, private=private, created_at=at(0))
        return name

    def orchestrator(self, name: str = "airflow") -> int:
        key = next(self._ids)
        self._put(t.orchestrator, id=key, name=name, kind="airflow", created_at=at(0))
        return key

    def job(self, name: str, namespace: str = "ns", *, minutes: float = 0, **values: Any) -> int:
        key, space = next(self._ids), self.namespace(namespace)
        given = {"hidden": False, "created_at": at(minutes), "updated_at": at(minutes), **values}
        self._put(t.job, id=key, namespace_id=space, name=name, **given)
        self._count("jobs", space)
        self._find("job", key, name=name, namespace=namespace)
        return key

    def dataset(
        self,
        name: str,
        namespace: str = "db",
        *,
        fields: list[list[Any]] | None = None,
        **values: Any,
    ) -> int:
        key, space = next(self._ids), self.namespace(namespace)
        given = {"hidden": False, "created_at": at(0), "updated_at": at(0), **values}
        schema = self.schema(key, fields) if fields else None
        self._put(t.dataset, id=key, namespace_id=space, name=name, schema_id=schema, **given)
        if "canonical_id" not in values:
            self._count("datasets", space)
        self._find("dataset", key, name=name, namespace=namespace)
        return key

    def schema(self, dataset: int, fields: list[list[Any]]) -> int:
        key = next(self._ids)
        text = json.dumps(fields)
        self._put(
            t.dataset_schema,
            id=key,
            dataset_id=dataset,
            digest=text.encode()[-16:],
            fields=text,
            first_at=at(0),
        )
        return key

    def _find(self, kind: str, key: int, **texts: str) -> None:
        for origin, text in texts.items():
            for term in endings(text):
                self.term(kind, key, term, origin)

    def term(self, kind: str, key: int, term: str, origin: str) -> None:
        self._put(t.search_term, term=term, kind=kind, entity_id=key, origin=origin)

    def edge(
        self, job: int, direction: str, dataset: int, *, first: float = 0, last: float = 0
    ) -> None:
        self._put(
            t.edge,
            job_id=job,
            direction=direction,
            dataset_id=dataset,
            first_at=at(first),
            last_at=at(last),
        )

    def reads(self, job: int, *datasets: int, first: float = 0, last: float = 0) -> None:
        for dataset in datasets:
            self.edge(job, "INPUT", dataset, first=first, last=last)

    def writes(self, job: int, *datasets: int, first: float = 0, last: float = 0) -> None:
        for dataset in datasets:
            self.edge(job, "OUTPUT", dataset, first=first, last=last)

    def run(
        self,
        job: int,
        *,
        start: float = 0,
        end: float | None = None,
        state: str | None = None,
        uuid: UUID | None = None,
        **values: Any,
    ) -> int:
        """A run with one attempt; the job's latest run follows."""
        key, attempt = next(self._ids), next(self._ids)
        number = next(self._runs)
        uuid = uuid or uuid_of(number)
        state = state or ("RUNNING" if end is None else "COMPLETED")
        ended = None if end is None else at(end)
        given = {
            "orchestrator_id": 1,
            "natural_id": f"run-{number}",
            "map_index": -1,
            "attempt_no": 1,
            "started_at": at(start),
            "sort_at": at(start),
            "created_at": at(start),
            "updated_at": ended or at(start),
            **values,
        }
        self._put(
            t.run,
            id=key,
            job_id=job,
            state=state,
            attempt_id=attempt,
            attempt_uuid=uuid.bytes,
            ended_at=ended,
            **given,
        )
        self.attempt(key, job, uuid, state=state, start=start, ended=ended, key=attempt)
        self._attempts[key] = attempt
        latest = {"latest_run_id": key, "latest_run_at": at(start), "latest_run_state": state}
        self.connection.execute(update(t.job).where(t.job.c.id == job).values(**latest))
        return key

    def attempt(
        self,
        run: int,
        job: int,
        uuid: UUID,
        *,
        no: int = 1,
        state: str = "FAILED",
        start: float = 0,
        ended: datetime | None = None,
        key: int | None = None,
    ) -> None:
        self._put(
            t.attempt,
            id=key or next(self._ids),
            run_id=run,
            job_id=job,
            uuid=uuid.bytes,
            no=no,
            state=state,
            state_at=ended or at(start),
            state_rank=0,
            state_digest=b"",
            will_retry=False,
            first_at=at(start),
            started_at=at(start),
            ended_at=ended,
        )

    def io(self, run: int, direction: str, dataset: int, *, when: float = 0, **values: Any) -> None:
        given = {"attempt_id": self._attempts.get(run, 0), "partition_key": "", **values}
        self._put(
            t.run_dataset,
            run_id=run,
            direction=direction,
            dataset_id=dataset,
            at=at(when),
            **given,
        )

    def update(
        self, dataset: int, run: int | None = None, *, when: float = 0, **values: Any
    ) -> int:
        key = next(self._ids)
        given = {"partition_key": "", "cause": self._attempts.get(run, key), **values}
        self._put(t.dataset_update, id=key, dataset_id=dataset, run_id=run, at=at(when), **given)
        latest = update(t.dataset).where(t.dataset.c.id == dataset)
        self.connection.execute(latest.values(last_update_at=at(when)))
        return key

    def event(self, payload: dict[str, Any], *, when: float = 0, **values: Any) -> int:
        key = next(self._ids)
        given = {"event_type": payload.get("eventType", "START"), "orchestrator_id": 1, **values}
        self._put(
            t.lineage_event,
            id=key,
            received_at=at(when),
            event_time=at(when),
            payload=packed(payload),
            **given,
        )
        hour = at(when).replace(minute=0, second=0, microsecond=0)
        where = (t.event_count.c.hour == hour) & (t.event_count.c.event_type == given["event_type"])
        grown = update(t.event_count).where(where).values(value=t.event_count.c.value + 1)
        if not self.connection.execute(grown).rowcount:
            self._put(
                t.event_count, hour=hour, event_type=given["event_type"], writer_id=1, value=1
            )
        return key

    def version(
        self, job: int, run: int, *, inputs: list[int], outputs: list[int], when: float = 0
    ) -> UUID:
        key = next(self._ids)
        uuid = UUID(int=(0xB << 124) | key)
        self._put(
            t.job_version,
            id=key,
            job_id=job,
            uuid=uuid.bytes,
            created_at=at(when),
            inputs=json.dumps(inputs),
            outputs=json.dumps(outputs),
            run_id=run,
        )
        self.connection.execute(update(t.job).where(t.job.c.id == job).values(version_id=key))
        return uuid

    def tag_job(self, job: int, tag: str) -> None:
        self._put(t.job_tag, job_id=job, tag=tag, value=tag, origin="event")

    def column(
        self,
        to: tuple[int, str],
        behind: tuple[int, str],
        *,
        job: int = 0,
        kind: str = "DIRECT",
        subtype: str = "IDENTITY",
    ) -> None:
        self._put(
            t.column_edge,
            dataset_id=to[0],
            to_field=to[1],
            from_dataset_id=behind[0],
            from_field=behind[1],
            job_id=job,
            kind=kind,
            subtype=subtype,
            at=at(0),
        )

    def change(
        self, kind: str, *, writer: int = 1, seq: int | None = None, when: float = 0, **values: Any
    ) -> int:
        seq = seq or next(self._seq)
        self._put(t.change, writer_id=writer, seq=seq, at=at(when), shard=0, kind=kind, **values)
        return seq

    def set_parent(self, run: int, parent: int) -> None:
        where = t.run.c.id == run
        self.connection.execute(update(t.run).where(where).values(parent_run_id=parent))

    def check(
        self,
        dataset: int,
        name: str,
        run: int = 0,
        *,
        when: float = 0,
        column: str = "",
        status: str = "PASSED",
        partition: str = "",
    ) -> None:
        self._put(
            t.check_result,
            id=next(self._ids),
            dataset_id=dataset,
            name=name,
            column_name=column,
            partition_key=partition,
            run_id=run,
            at=at(when),
            status=status,
            severity="ERROR",
        )

    def incident(self, kind: str, subject: str = "dataset", *, of: int, **values: Any) -> int:
        """An open one, of a dataset or a job."""
        key = next(self._ids)
        given = {
            "rule": kind,
            "key": str(key),
            "severity": "error",
            "state": "OPEN",
            "reason": f"{kind} is wrong",
            "evidence": "{}",
            "dry_run": False,
            **{name: at(0) for name in ("since", "opened_at", "updated_at")},
            f"{subject}_id": of,
            **values,
        }
        self._put(t.incident, id=key, kind=kind, subject_kind=subject, subject_id=of, **given)
        return key

    def observe(self, orchestrator: int) -> None:
        """Health, a watermark and two samples of one pool."""
        mine = {"orchestrator_id": orchestrator}
        self._put(t.health, **mine, part="", status="HEALTHY", at=at(5))
        self._put(t.watermark, **mine, stream="", complete_to=at(5), at=at(5))
        for minute, queued in ((1, 3), (2, 7)):
            self._put(t.backlog_sample, **mine, pool="default", at=at(minute), queued=queued)

    def schedule(self, job: int, cron: str) -> None:
        self._put(
            t.schedule,
            job_id=job,
            kind="cron",
            expression=cron,
            timezone="UTC",
            at=at(0),
            origin="facet",
        )

    def warn(self, job: int, path: str, message: str) -> None:
        self._put(
            t.job_warning, job_id=job, path=path, message=message, first_at=at(0), last_at=at(1)
        )


def packed(payload: Any) -> bytes:
    """As payloads are stored."""
    return zstandard.compress(json.dumps(payload).encode())


def micros(minutes: float) -> int:
    return to_micros(at(minutes))
