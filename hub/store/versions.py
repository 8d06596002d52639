"""Versions of jobs: a location and the datasets that a completed run or a job event showed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from hub.store import tables
from hub.store.bulk import Bulk, Fetch, Insert
from hub.store.ids import Ids

_COLUMNS = ["id", "job_id", "uuid", "created_at", "location", "inputs", "outputs", "run_id"]
_NEW = Insert(tables.job_version, _COLUMNS)
_KNOWN = Fetch(tables.job_version, ["job_id", "uuid"], ["id", "job_id", "uuid"])
_BY_ID = Fetch(tables.job_version, ["id"], _COLUMNS)
_numbers = msgspec.json.Decoder(frozenset[int])

VersionKey = tuple[int, bytes]


class Version(Struct, frozen=True):
    """What a job deals with. `run_id` 0: a job event told it."""

    job_id: int
    at: int
    location: str | None
    inputs: frozenset[int]
    outputs: frozenset[int]
    run_id: int

    @property
    def key(self) -> VersionKey:
        said = "\n".join((self.location or "", _text(self.inputs), _text(self.outputs)))
        key = str(self.job_id).encode()
        return self.job_id, hashlib.blake2b(said.encode(), digest_size=16, key=key).digest()


def held_versions(bulk: Bulk, numbers: Iterable[int]) -> dict[int, Version]:
    """The versions with these ids, by job."""
    found = {}
    for _, job, _, at, location, inputs, outputs, run in bulk.fetch(
        _BY_ID, [(n,) for n in sorted(set(numbers))]
    ):
        io = _numbers.decode(inputs), _numbers.decode(outputs)
        found[job] = Version(job, at, location, *io, run)
    return found


def version_ids(
    bulk: Bulk, ids: Ids, versions: Iterable[Version]
) -> tuple[dict[int, int], set[int]]:
    """The id of each job's version, made where it is new; and the jobs of which it is."""
    by_key = {version.key: version for version in versions}
    found: dict[VersionKey, int] = {
        (row[1], row[2]): row[0] for row in bulk.fetch(_KNOWN, sorted(by_key))
    }
    made = []
    for key in sorted(by_key.keys() - found.keys()):
        found[key], v = ids.take("job_version"), by_key[key]
        io = _text(v.inputs), _text(v.outputs)
        made.append((found[key], *key, v.at, v.location, *io, v.run_id))
    bulk.insert(_NEW, made)
    return {job: number for (job, _), number in found.items()}, {row[1] for row in made}


def _text(numbers: Iterable[int]) -> str:
    return msgspec.json.encode(sorted(numbers)).decode()
