"""A row is there, or a value has risen, in a database that the operator declared.

The query's first row counts, and of it the first column. `exists`: an update when there is such a
row, and again when its value is another. `rises`: an update whenever the value is greater.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from hub.errors import Unavailable
from hub.ports.sensors import Json, Look, Outside, SensorConfig, Sighting, sensors


class SqlConfig(SensorConfig):
    """A query against a declared connection; it is only read, nothing is committed."""

    connection: str = Field(min_length=1, description="one of `connections`, by its name")
    query: str = Field(
        min_length=1, description="its first row counts, and of that the first column"
    )
    when: Literal["exists", "rises"] = "exists"


_DRIVERS: Final = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


@sensors.register("sql")
class Sql:
    Config: ClassVar[type[SensorConfig]] = SqlConfig

    def __init__(self, config: SqlConfig, outside: Outside) -> None:
        self._config = config
        self._outside = outside

    def look(self, cursor: Json, now: datetime) -> Look:
        row = self._row()
        if row is None or row[0] is None:
            return Look(cursor=cursor, waits_for="a row")
        value, held = _plain(row[0]), cursor.get("value")
        if held is not None and not self._is_news(value, held):
            more = "greater than" if self._config.when == "rises" else "other than"
            return Look(cursor=cursor, waits_for=f"a value {more} {held}")
        return Look([Sighting(now, str(value))], {"value": value})

    def _is_news(self, value: Any, held: Any) -> bool:
        if self._config.when == "exists" or type(value) is not type(held):
            return bool(value != held)
        return bool(value > held)

    def _row(self) -> Any:
        import sqlalchemy
        from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

        name = self._config.connection
        secret = self._outside.connection(name)
        try:
            with _engine(secret.reveal(), self._outside.timeout_s).connect() as connection:
                return connection.execute(sqlalchemy.text(self._config.query)).first()
        except ProgrammingError as error:
            told = str(error.orig).partition("\n")[0]
            raise Unavailable(f"the query to {name} failed: {told}") from None
        except (SQLAlchemyError, ImportError, OSError) as error:
            # Its text may hold what is in the URL.
            raise Unavailable(f"the connection {name} failed: {type(error).__name__}") from None


def _engine(text: str, timeout_s: float) -> Any:
    import sqlalchemy

    url = sqlalchemy.make_url(text)
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    return sqlalchemy.create_engine(
        url,
        poolclass=sqlalchemy.pool.NullPool,
        hide_parameters=True,
        connect_args=_bounds(url.get_backend_name(), timeout_s),
    )


def _bounds(backend: str, timeout_s: float) -> dict[str, Any]:
    if backend == "postgresql":
        wait = max(1, round(timeout_s))
        options = f"-c statement_timeout={wait * 1000} -c default_transaction_read_only=on"
        return {"connect_timeout": wait, "options": options}
    return {"timeout": timeout_s} if backend == "sqlite" else {}


def _plain(value: Any) -> Any:
    """As it may stand in JSON; what is compared stays comparable."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, int | float | str) else str(value)
