"""What rules see of datasets."""

from __future__ import annotations

from collections.abc import Sequence

from hub.evaluate.round import OpenKeys, Round
from hub.rules.base import DatasetSeen, Fact
from hub.store.db import Connection
from hub.store.facts import DatasetRow


class Datasets:
    """Datasets of one round, with what the rules need that will look at them."""

    def __init__(
        self,
        connection: Connection,  # noqa: ARG002  nothing but the rows is needed so far
        this: Round,  # noqa: ARG002
        rows: Sequence[DatasetRow],  # noqa: ARG002
        open_keys: OpenKeys,
        needs: frozenset[Fact],  # noqa: ARG002
    ) -> None:
        self._open = open_keys

    def see(self, row: DatasetRow, rule: str) -> DatasetSeen:
        return DatasetSeen(
            row.name,
            row.last_update_at,
            row.known_at,
            row.max_lag_s,
            self._open.get((rule, row.id), frozenset()),
        )
