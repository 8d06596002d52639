"""Fifty times kill -9 of whoever evaluates."""

from __future__ import annotations

import pytest

from hub.store.db import Database
from hub.store.migrate import migrate
from tests.store.test_evaluation_survives_kills import check_kills

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]


def test_a_week_with_fifty_kills_ends_as_one_without(database_url: str) -> None:
    db = Database(database_url, durable=False)
    migrate(db)
    try:
        check_kills(db, 50)
    finally:
        db.close()
