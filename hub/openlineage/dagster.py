"""What Dagster's own push sensor and openlineage-dagster say beyond the spec: partitions."""

from hub.openlineage.facets import Facet, Known, Reader
from hub.openlineage.reading import Reading

PARTITION_TAG = "dagster/partition"


class _Run(Facet):
    tags: dict[str, str] | None = None


class _Asset(Facet):
    partition: str | None = None
    tags: dict[str, str] | None = None


def _partition(facet: _Run, known: Known, reading: Reading) -> None:
    if partition := (facet.tags or {}).get(PARTITION_TAG):
        known["partition"] = reading.word(partition, "tags", PARTITION_TAG)


def _asset(facet: _Asset, known: Known, reading: Reading) -> None:
    if partition := facet.partition or (facet.tags or {}).get(PARTITION_TAG):
        known["partition"] = reading.word(partition, "partition")


DAGSTER_RUN = {"hub_dagster_run": Reader(_Run, _partition, foreign=True)}
DAGSTER_DATASET = {"hub_dagster_asset": Reader(_Asset, _asset, foreign=True)}
