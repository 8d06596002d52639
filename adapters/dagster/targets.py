"""What a job's name means when it is to be started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct, field

from adapters.dagster.graphql import GraphQL
from adapters.dagster.inventory import Asset
from adapters.dagster.queries import OPS_OF_ASSETS, TARGETS
from adapters.dagster.wire import Typed
from hub.errors import NotReady, Unavailable
from hub.ports import Json

ASSET_JOB: Final = "__ASSET_JOB"
LOCATION: Final = "dagster/code_location"


class Target(Struct, frozen=True):
    """A job in its repository; with `asset` or `op`, that part of it."""

    location: str
    repository: str
    job: str
    asset: tuple[str, ...] = ()
    op: str = ""

    def selector(self) -> Json:
        """For launchRun."""
        told: Json = {
            "repositoryLocationName": self.location,
            "repositoryName": self.repository,
            "jobName": self.job,
        }
        if self.asset:
            told["assetSelection"] = [{"path": list(self.asset)}]
        if self.op:
            told["solidSelection"] = [self.op]
        return told

    def repository_selector(self) -> Json:
        return {"repositoryLocationName": self.location, "repositoryName": self.repository}


class _Location(Struct, frozen=True):
    name: str = ""


class _Job(Struct, frozen=True, rename="camel"):
    name: str
    is_asset_job: bool = False


class _Repository(Struct, frozen=True):
    name: str = ""
    location: _Location = _Location()
    jobs: list[_Job] = []


class _Repositories(Typed, frozen=True):
    nodes: list[_Repository] = field(default_factory=list)


class _Targets(Struct, frozen=True):
    repositories: _Repositories = field(name="repositoriesOrError")


class _Assets(Struct, frozen=True):
    assets: list[Asset] = field(name="assetNodes")


def find_target(graphql: GraphQL, name: str, location: str | None) -> Target:
    """The job of that name, or the step or asset `<job>.<step>` of one.

    `location` tells which is meant where several code locations have it. Unavailable, permanent,
    if there is none or more than one, or if it would start everything.
    """
    answer, _ = graphql.query(TARGETS, _Targets)
    graphql.expect(answer.repositories, "RepositoryConnection")
    nodes = [n for n in answer.repositories.nodes if location in {None, n.location.name}]
    if name == ASSET_JOB:
        raise _refused(f"{name} is all assets: name one of them, as in {ASSET_JOB}.<step>")
    whole = [(n, job) for n in nodes for job in n.jobs if job.name == name]
    if whole:
        node, job = _only(whole, name)
        return Target(node.location.name, node.name, job.name)
    parts = [(n, job) for n in nodes for job in n.jobs if name.startswith(f"{job.name}.")]
    if not parts:
        # Its code location may just be reloading, or have failed to.
        raise NotReady(f"there is no job {name!r} in any code location that is loaded")
    node, job = _only(parts, name)
    step = name.removeprefix(f"{job.name}.")
    target = Target(node.location.name, node.name, job.name)
    return _part(graphql, target, step, of_assets=job.is_asset_job or job.name == ASSET_JOB)


def location_of(conf: Json) -> str | None:
    """Taken out of the configuration, where it says which code location is meant."""
    told = conf.pop(LOCATION, None)
    return told if isinstance(told, str) else None


def _part(graphql: GraphQL, target: Target, step: str, *, of_assets: bool) -> Target:
    if not of_assets:
        return Target(target.location, target.repository, target.job, op=step)
    answer, _ = graphql.query(OPS_OF_ASSETS, _Assets)
    for asset in answer.assets:
        here = asset.repository.location.name in {"", target.location}
        if here and step in asset.op_names and target.job in asset.job_names:
            path = asset.asset_key.path
            return Target(target.location, target.repository, target.job, asset=path)
    raise _refused(f"no asset of the job {target.job} is made by a step {step!r}")


def _only(found: Sequence[tuple[_Repository, _Job]], name: str) -> tuple[_Repository, _Job]:
    """The one there is; of names that are the beginning of one another, the longest."""
    longest = max(len(job.name) for _, job in found)
    found = [(node, job) for node, job in found if len(job.name) == longest]
    if len(found) > 1:
        places = ", ".join(sorted(node.location.name for node, _ in found))
        raise _refused(
            f"the job {name!r} is in several code locations ({places}): say which, as "
            f"{{{LOCATION!r}: ...}} in the launch's conf"
        )
    return found[0]


def _refused(text: str) -> Unavailable:
    return Unavailable(f"Dagster can't start this: {text}", permanent=True)
