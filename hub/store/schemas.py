"""The schemas that datasets have shown: one row per dataset and content."""

from __future__ import annotations

from collections.abc import Mapping

from hub.store import tables
from hub.store.bulk import Bulk, Fetch, Insert, Update
from hub.store.ids import Ids

SchemaKey = tuple[int, bytes]  # dataset, digest of the fields

_NEW = Insert(tables.dataset_schema, ["id", "dataset_id", "digest", "fields", "first_at"])
_HELD = Fetch(
    tables.dataset_schema, ["dataset_id", "digest"], ["id", "dataset_id", "digest", "first_at"]
)
_EARLIER = Update(tables.dataset_schema, ["id"], ["first_at"])


def schema_ids(
    bulk: Bulk, ids: Ids, shown: Mapping[SchemaKey, tuple[str, int]]
) -> dict[SchemaKey, int]:
    """Ids of the schemas that were `shown` (their fields, first seen), made where they are new."""
    held = {(row[1], row[2]): row for row in bulk.fetch(_HELD, sorted(shown))}
    found = {key: row[0] for key, row in held.items()}
    made = []
    for key in sorted(shown.keys() - found.keys()):
        found[key] = ids.take("dataset_schema")
        made.append((found[key], *key, *shown[key]))
    bulk.insert(_NEW, made)
    earlier = ((row[0], shown[key][1]) for key, row in held.items() if shown[key][1] < row[3])
    bulk.update(_EARLIER, sorted(earlier))
    return found
