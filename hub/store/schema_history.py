"""The schemas that a dataset has had."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from hub.store.reading import json_list
from hub.store.tables import dataset_schema
from hub.store.views import View


class SchemaView(View, frozen=True):
    """Columns by name with their types, as they were first seen. Whoever asks may see the dataset."""

    first_at: datetime
    columns: dict[str, str | None]


def list_schemas(connection: Connection, dataset_id: int, limit: int) -> list[SchemaView]:
    """The latest first."""
    mine = dataset_schema.c
    statement = (
        select(mine.first_at, mine.fields)
        .where(mine.dataset_id == dataset_id)
        .order_by(mine.first_at.desc(), mine.id.desc())
        .limit(limit)
    )
    return [
        SchemaView(row.first_at, {name: kind for name, kind, _ in json_list(row.fields)})
        for row in connection.execute(statement)
    ]
