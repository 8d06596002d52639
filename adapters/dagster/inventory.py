"""What is declared: jobs and assets, with owners, tags, dependencies and freshness policies.

It changes only when code is loaded anew, so it is read then. Events of it are dated by that load:
the same code gives the same events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct, field

from adapters.dagster.assets import described
from adapters.dagster.events import (
    Place,
    dataset,
    dataset_event,
    facet,
    job_event,
    job_type,
    tags_facet,
)
from adapters.dagster.graphql import GraphQL
from adapters.dagster.pulse import Location, Pulse
from adapters.dagster.queries import ASSET_KEYS, ASSETS, JOBS
from adapters.dagster.wire import Key, Metadata, Pair, Typed, moment
from hub.model import EntityName, FreshnessPolicyObserved
from hub.ports import Json

AT_ONCE: Final = 200
_KIND_TAG: Final = "dagster/kind/"


class Owner(Struct, frozen=True):
    email: str | None = None
    team: str | None = None

    @property
    def name(self) -> str | None:
        """Teams as the hub reads them."""
        return f"team:{self.team}" if self.team else self.email


class _Location(Struct, frozen=True):
    name: str = ""


class _Repository(Struct, frozen=True):
    name: str = ""
    location: _Location = _Location()


class Job(Struct, frozen=True, rename="camel"):
    name: str
    description: str | None = None
    is_asset_job: bool = False
    node_names: list[str] = []
    tags: list[Pair] = []
    owners: list[Owner] = []


class _JobsOf(Struct, frozen=True):
    name: str = ""
    location: _Location = _Location()
    jobs: list[Job] = []


class _Repositories(Typed, frozen=True):
    nodes: list[_JobsOf] = field(default_factory=list)


class _JobsAnswer(Struct, frozen=True):
    repositories: _Repositories = field(name="repositoriesOrError")


class Policy(Typed, frozen=True, rename="camel"):
    """Of either kind: the age at which it fails, or a deadline and how old data may be then."""

    fail_window_seconds: float | None = None
    deadline_cron: str | None = None
    lower_bound_delta_seconds: float | None = None
    timezone: str | None = None


class LegacyPolicy(Struct, frozen=True, rename="camel"):
    maximum_lag_minutes: float | None = None
    cron_schedule: str | None = None
    cron_schedule_timezone: str | None = None


class _Address(Struct, frozen=True, rename="camel"):
    storage_kind: str | None = None
    table_name: str | None = None


class Asset(Struct, frozen=True, rename="camel"):
    asset_key: Key
    group_name: str | None = None
    description: str | None = None
    kinds: list[str] = []
    op_names: list[str] = []
    job_names: list[str] = []
    is_executable: bool = True
    is_partitioned: bool = False
    owners: list[Owner] = []
    tags: list[Pair] = []
    storage_address: _Address | None = None
    dependency_keys: list[Key] = []
    repository: _Repository = _Repository()
    freshness_policy: LegacyPolicy | None = None
    internal_freshness_policy: Policy | None = None
    metadata_entries: list[Metadata] = []


class _AssetsAnswer(Struct, frozen=True):
    assets: list[Asset] = field(name="assetNodes")


class Loads:
    """When the code of each location was loaded, and a print of all that."""

    def __init__(self, locations: Sequence[Location]) -> None:
        self._at = {one.name: moment(one.updated_timestamp) for one in locations}
        told = sorted(
            (one.name, one.load_status or "", one.version_key or "", one.updated_timestamp or 0.0)
            for one in locations
        )
        self.print = hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()

    def of(self, location: str) -> datetime:
        return self._at.get(location) or datetime(1970, 1, 2, tzinfo=UTC)


def loads_of(pulse: Pulse) -> Loads:
    return Loads(pulse.locations)


def read_jobs(graphql: GraphQL) -> list[tuple[str, Job]]:
    """All jobs, each with its code location."""
    answer, _ = graphql.query(JOBS, _JobsAnswer)
    graphql.expect(answer.repositories, "RepositoryConnection")
    nodes = answer.repositories.nodes
    return [(node.location.name, job) for node in nodes for job in node.jobs]


def job_events(jobs: Iterable[tuple[str, Job]], loads: Loads, place: Place) -> Iterator[Json]:
    """Of each job and each of its steps that is known beforehand."""
    for location, job in jobs:
        at = loads.of(location)
        yield job_event(place, job.name, at, _job_facets(job))
        if not job.is_asset_job:
            for node in job.node_names:
                yield job_event(place, f"{job.name}.{node}", at, {"jobType": job_type("STEP")})


class AssetKeys(Struct, frozen=True):
    """All assets, those of them that Dagster doesn't make itself, and those with partitions."""

    all: Sequence[Key]
    outside: Sequence[Key]
    partitioned: Sequence[Key]


def read_asset_keys(graphql: GraphQL) -> AssetKeys:
    answer, _ = graphql.query(ASSET_KEYS, _AssetsAnswer)
    found = sorted(answer.assets, key=lambda one: one.asset_key.path)
    return AssetKeys(
        [one.asset_key for one in found],
        [one.asset_key for one in found if not one.is_executable],
        [one.asset_key for one in found if one.is_partitioned],
    )


def read_assets(graphql: GraphQL, keys: Sequence[Key]) -> list[Asset]:
    if not keys:
        return []
    variables = {"keys": [{"path": key.path} for key in keys]}
    return graphql.query(ASSETS, _AssetsAnswer, variables)[0].assets


def asset_events(assets: Iterable[Asset], loads: Loads, place: Place) -> Iterator[Json]:
    """Each asset as a dataset, and each step that makes it with what it reads and writes."""
    for asset in assets:
        at = loads.of(asset.repository.location.name)
        name = asset.asset_key.name
        yield dataset_event(at, dataset(place, name, facets=_asset_facets(asset, place)))
        if len(asset.op_names) != 1:
            continue  # made by a graph: its steps have names of their own
        inputs = [dataset(place, key.name) for key in asset.dependency_keys]
        for job in asset.job_names:
            step = f"{job}.{asset.op_names[0]}"
            facets = {"jobType": job_type("STEP")}
            yield job_event(place, step, at, facets, inputs=inputs, outputs=[dataset(place, name)])


def freshness_policies(
    assets: Iterable[Asset], namespace: str, observed_at: datetime
) -> Iterator[FreshnessPolicyObserved]:
    for asset in assets:
        about = EntityName(namespace, asset.asset_key.name)
        policy, legacy = asset.internal_freshness_policy, asset.freshness_policy
        if policy is not None and policy.fail_window_seconds is not None:
            yield FreshnessPolicyObserved(about, policy.fail_window_seconds, observed_at)
        elif policy is not None and policy.deadline_cron:
            lag, zone = policy.lower_bound_delta_seconds or 0.0, policy.timezone or "UTC"
            yield FreshnessPolicyObserved(about, lag, observed_at, policy.deadline_cron, zone)
        elif legacy is not None and legacy.maximum_lag_minutes is not None:
            lag, zone = legacy.maximum_lag_minutes * 60, legacy.cron_schedule_timezone or "UTC"
            yield FreshnessPolicyObserved(about, lag, observed_at, legacy.cron_schedule, zone)


def _job_facets(job: Job) -> dict[str, Json]:
    facets = {"jobType": job_type("JOB")} | _ownership(job.owners, "job")
    if job.description:
        facets["documentation"] = facet("1-0-1/DocumentationJobFacet", description=job.description)
    if job.tags:
        facets["tags"] = tags_facet("1-0-0/TagsJobFacet", job.tags)
    return facets


def _asset_facets(asset: Asset, place: Place) -> dict[str, Json]:
    facets = _ownership(asset.owners, "dataset") | described(asset.metadata_entries, place)
    if asset.description:
        facets["documentation"] = facet(
            "1-0-1/DocumentationDatasetFacet", description=asset.description
        )
    if tags := list(_tags(asset)):
        facets["tags"] = tags_facet("1-0-0/TagsDatasetFacet", tags)
    return facets


def _ownership(owners: Sequence[Owner], of: str) -> dict[str, Json]:
    names = [name for owner in owners if (name := owner.name)]
    if not names:
        return {}
    schema = {"job": "1-0-1/OwnershipJobFacet", "dataset": "1-0-1/OwnershipDatasetFacet"}[of]
    return {"ownership": facet(schema, owners=[{"name": name, "type": "OWNER"} for name in names])}


def _tags(asset: Asset) -> Iterator[Pair]:
    """Tags, and what Dagster tells beside them: group, kinds, and the table's own name."""
    told: Mapping[str, str | None] = {
        "group": asset.group_name,
        "dagster/table_name": asset.storage_address.table_name if asset.storage_address else None,
    }
    yield from (Pair(key, value) for key, value in told.items() if value)
    yield from (Pair("kind", kind) for kind in asset.kinds)
    yield from (tag for tag in asset.tags if not tag.key.startswith(_KIND_TAG))
