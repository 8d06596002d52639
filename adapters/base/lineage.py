"""OpenLineage events as adapters make them: the same JSON for the same fact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import Struct

from hub.model import EntityName
from hub.ports import Json

SPEC: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
FACETS: Final = "https://openlineage.io/spec/facets/"
MESSAGE_CHARACTERS: Final = 4_000
_POSTGRES_PORT: Final = 5432
_NONE: Final[Mapping[str, Json]] = {}


class Teller(Struct, frozen=True):
    """Makes events of one producer. integration: PREFECT, MLFLOW, ..."""

    producer: str
    integration: str

    def facet(self, schema: str, /, **told: Any) -> Json:
        """Of the standard; `schema` as in 1-0-1/NominalTimeRunFacet."""
        return {"_producer": self.producer, "_schemaURL": f"{FACETS}{schema}.json", **told}

    def own_facet(self, name: str, /, **told: Any) -> Json:
        """One the standard has no word for; what is None is left out, times are told in ISO."""
        known = {k: _plain(value) for k, value in told.items() if value is not None}
        return {
            "_producer": self.producer,
            "_schemaURL": f"{self.producer}/{name}.json",
            **known,
        }

    def answer(self, state: str, natural_id: str, /, **told: Any) -> Json:
        """What the orchestrator itself says of an attempt (docs/openlineage.md)."""
        return self.own_facet("trackside_answer", state=state, naturalId=natural_id, **told)

    def parent(self, job: EntityName, run_id: UUID) -> Json:
        return self.facet("1-1-0/ParentRunFacet", run={"runId": str(run_id)}, job=named(job))

    def nominal(self, at: datetime) -> Json:
        return self.facet("1-0-1/NominalTimeRunFacet", nominalStartTime=iso(at))

    def error(self, message: str) -> Json:
        return self.facet(
            "1-0-1/ErrorMessageRunFacet",
            message=message[-MESSAGE_CHARACTERS:],
            programmingLanguage="python",
        )

    def tags(self, of: str, tags: Mapping[str, str]) -> Json:
        """of: Run, Job or Dataset."""
        told = [
            {"key": key, "value": value or key, "source": self.integration}
            for key, value in sorted(tags.items())
        ]
        return self.facet(f"1-0-0/Tags{of}Facet", tags=told)

    def owners(self, of: str, names: Iterable[str]) -> Json:
        owners = [{"name": name} for name in names]
        return self.facet(f"1-0-1/Ownership{of}Facet", owners=owners)

    def job_facets(
        self, kind: str, *, tags: Mapping[str, str] | None = None, about: str | None = None
    ) -> dict[str, Json]:
        """What a job is, its tags, and its description."""
        told = {"processingType": "BATCH", "integration": self.integration, "jobType": kind}
        found = {"jobType": self.facet("2-0-3/JobTypeJobFacet", **told)}
        if tags:
            found["tags"] = self.tags("Job", tags)
        if about:
            found["documentation"] = self.facet("1-1-0/DocumentationJobFacet", description=about)
        return found

    def run_event(
        self,
        kind: str,
        at: datetime,
        job: EntityName,
        run_id: UUID,
        facets: Mapping[str, Json],
        *,
        job_facets: Mapping[str, Json] = _NONE,
        inputs: Sequence[Json] = (),
        outputs: Sequence[Json] = (),
    ) -> Json:
        return {
            "eventType": kind,
            "eventTime": iso(at),
            "producer": self.producer,
            "schemaURL": f"{SPEC}RunEvent",
            "run": {"runId": str(run_id), "facets": dict(facets)},
            "job": {**named(job), "facets": dict(job_facets)},
            "inputs": list(inputs),
            "outputs": list(outputs),
        }

    def job_event(self, at: datetime, job: EntityName, facets: Mapping[str, Json]) -> Json:
        return {
            "eventTime": iso(at),
            "producer": self.producer,
            "schemaURL": f"{SPEC}JobEvent",
            "job": {**named(job), "facets": dict(facets)},
            "inputs": [],
            "outputs": [],
        }

    def dataset_event(self, at: datetime, about: Json) -> Json:
        return {
            "eventTime": iso(at),
            "producer": self.producer,
            "schemaURL": f"{SPEC}DatasetEvent",
            "dataset": about,
        }


def named(name: EntityName) -> Json:
    return {"namespace": name.namespace, "name": name.name}


def dataset(name: EntityName, facets: Mapping[str, Json] = _NONE, **more: Json) -> Json:
    """`inputFacets` or `outputFacets` as keywords; empty ones are left out."""
    known = {"facets": dict(facets), **more}
    return named(name) | {key: value for key, value in known.items() if value}


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value


def dataset_of(uri: str) -> EntityName | None:
    """The dataset's name in OpenLineage, None if nobody can be sure of it."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    path = parts.path.lstrip("/")
    match parts.scheme:
        case "file" if parts.path.strip("/"):
            return EntityName(f"file://{parts.netloc}" if parts.netloc else "file", parts.path)
        case "postgres" | "postgresql" if parts.hostname and path.count("/") == 2:
            host = f"{parts.hostname}:{port or _POSTGRES_PORT}"
            return EntityName(f"postgres://{host}", path.replace("/", "."))
        case "s3" | "gs" if parts.netloc:
            return EntityName(f"{parts.scheme}://{parts.netloc}", path or "/")
        case _:
            return None


def named_by(uri: str, otherwise: str) -> EntityName:
    """A dataset that its URI names, as surely as may be; without a scheme it is in `otherwise`."""
    sure = dataset_of(uri)
    if sure is not None:
        return sure
    scheme, separator, rest = uri.partition("://")
    host, _, path = rest.partition("/")
    if separator and host and path:
        return EntityName(f"{scheme}://{host.rpartition('@')[2]}", path)
    return EntityName(otherwise, uri)
