"""What alembic runs: the versions, over the connection and inside the transaction it is given."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from hub.store.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
