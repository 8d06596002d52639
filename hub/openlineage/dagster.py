"""What Dagster's own push sensor and openlineage-dagster say beyond the spec, and tags tell."""

from collections.abc import Iterable

from hub.model import Tag
from hub.openlineage.facets import Facet, Known, Reader
from hub.openlineage.reading import Reading

PARTITION_TAG = "dagster/partition"
BACKFILL_TAG = "dagster/backfill"
_TAGS = {PARTITION_TAG: "partition", BACKFILL_TAG: "backfill"}


class _Run(Facet):
    tags: dict[str, str] | None = None


class _Asset(Facet):
    partition: str | None = None
    tags: dict[str, str] | None = None


def _partition(facet: _Run, known: Known, reading: Reading) -> None:
    for tag, name in _TAGS.items():
        if value := (facet.tags or {}).get(tag):
            known[name] = reading.word(value, "tags", tag)


def read_tags(tags: Iterable[Tag], known: Known) -> None:
    """What the facet `tags` tells of a run, unless something else has."""
    for tag in tags:
        if (name := _TAGS.get(tag.key)) is not None:
            known.setdefault(name, tag.value)


def _asset(facet: _Asset, known: Known, reading: Reading) -> None:
    if partition := facet.partition or (facet.tags or {}).get(PARTITION_TAG):
        known["partition"] = reading.word(partition, "partition")


DAGSTER_RUN = {"hub_dagster_run": Reader(_Run, _partition, foreign=True)}
DAGSTER_DATASET = {"hub_dagster_asset": Reader(_Asset, _asset, foreign=True)}
