"""The whole store in one file, to move it from one engine to the other or to a new home.

A zstd stream of msgpack values, each after its length: a header, then for each table its name
and columns, its rows in chunks, and how many there were. Values travel as they are stored (times
are microseconds), so that an archive of either engine fits both.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version as release_of
from typing import Any, BinaryIO

import msgspec
import zstandard
from sqlalchemy import Boolean, Connection, Table, func, select, text

from hub.errors import BadInput, ConfigError, Conflict
from hub.store import holds, migrate, partitions
from hub.store.bulk import Insert, bulk_of
from hub.store.db import Database
from hub.store.ids import block_of, ids_of
from hub.store.meta import put_meta
from hub.store.tables import id_block, lease, meta, metadata
from hub.store.types import from_micros

FORMAT = 1
CHUNK = 2000
_LENGTH = struct.Struct(">I")
_IMPORTING = "importing_since"
_WHOLE = "a whole archive of trackside store export"

#: Told of each chunk: the table, and how many more of its rows are done.
Progress = Callable[[str, int], None]


class Header(msgspec.Struct, frozen=True):
    """What an archive says of itself. `version` is the store's; `arrivals` in microseconds."""

    format: int
    version: str
    release: str
    created_at: str
    rows: dict[str, int]
    arrivals: dict[str, tuple[int, int] | None]


class Chunk(msgspec.Struct, frozen=True, array_like=True):
    """Rows of one table; the last chunk of a table has `total` set and no rows."""

    table: str
    columns: list[str]
    rows: list[list[Any]]
    total: int | None = None


_encode = msgspec.msgpack.Encoder().encode
_header = msgspec.msgpack.Decoder(Header)
_chunk = msgspec.msgpack.Decoder(Chunk)


# -- out -----------------------------------------------------------------------------------------


def export_store(
    db: Database, file: BinaryIO, *, begun: Callable[[Header], None], progress: Progress
) -> Header:
    """Writes everything, as it is at one moment; a hub may go on working meanwhile."""
    with db.reading() as connection, zstandard.ZstdCompressor(3).stream_writer(file) as out:
        if not db.is_sqlite:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        header = _describe(connection)
        begun(header)
        _put(out, header)
        for table in _tables():
            _export_table(connection, table, out, progress)
    return header


def _describe(connection: Connection) -> Header:
    stored = migrate.version_of(connection)
    if stored is None:
        raise ConfigError("database_url: there is nothing in this store yet")
    return Header(
        format=FORMAT,
        version=stored,
        release=release_of("trackside"),
        created_at=datetime.now(UTC).isoformat(),
        rows={str(table.name): _count(connection, table) for table in _tables()},
        arrivals={name: _arrivals(connection, name) for name in partitions.ARRIVAL},
    )


def _export_table(connection: Connection, table: Table, out: BinaryIO, progress: Progress) -> None:
    columns = [str(column.name) for column in table.columns]
    key = ", ".join(column.name for column in table.primary_key.columns)
    query = f"SELECT {', '.join(columns)} FROM {table.name} ORDER BY {key}"
    streaming = connection.execution_options(stream_results=True, max_row_buffer=CHUNK)
    total = 0
    with streaming.exec_driver_sql(query) as found:
        for rows in found.partitions(CHUNK):
            _put(out, Chunk(str(table.name), columns, [list(row) for row in rows]))
            total += len(rows)
            progress(table.name, len(rows))
    _put(out, Chunk(str(table.name), columns, [], total))


# -- in ------------------------------------------------------------------------------------------


def import_store(
    db: Database, file: BinaryIO, *, begun: Callable[[Header], None], progress: Progress
) -> Header:
    """Fills an empty store. What it was before (deliveries, launches) is another life of it.

    Raises BadInput for a file that is no whole archive, ConfigError for one of another version,
    Conflict if the store is not empty. After an error the store is unusable on purpose.
    """
    values = _read(file)
    header = _read_header(next(values, b""))
    migrate.migrate(db)
    begun(header)
    with db.writing() as connection:
        _must_be_empty(connection)
        put_meta(connection, _IMPORTING, datetime.now(UTC).isoformat())
        for table, arrivals in header.arrivals.items():
            _make_weeks(connection, table, arrivals)
    counted = _import_chunks(db, values, progress)
    with db.writing() as connection:
        _check_counts(connection, header, counted)
        _settle_ids(connection)
        holds.begin_again(connection, "the store was imported", datetime.now(UTC))
        connection.execute(meta.delete().where(meta.c.key == _IMPORTING))
    return header


def refuse_unfinished(connection: Connection) -> None:
    """Returns unless an import into the store has begun and never ended."""
    begun = connection.scalar(select(meta.c.value).where(meta.c.key == _IMPORTING))
    if begun:
        raise ConfigError(
            f"database_url: the import into this store that began {begun} has not ended well; "
            "remove the store and import again"
        )


def _import_chunks(db: Database, values: Iterator[bytes], progress: Progress) -> dict[str, int]:
    """How many rows of each table the archive says it holds."""
    counted: dict[str, int] = {}
    for value in values:
        try:
            chunk = _chunk.decode(value)
        except msgspec.MsgspecError as error:
            raise BadInput("file", str(error), _WHOLE) from None
        if chunk.total is not None:
            counted[chunk.table] = chunk.total
            continue
        with db.writing() as connection:
            _import_rows(connection, chunk)
        progress(chunk.table, len(chunk.rows))
    return counted


def _import_rows(connection: Connection, chunk: Chunk) -> None:
    table = metadata.tables[chunk.table]
    if table is meta:
        for key, value in chunk.rows:
            if key == "created_at":
                put_meta(connection, key, value)
        return
    switches = [isinstance(table.c[name].type, Boolean) for name in chunk.columns]
    rows = [tuple(_as_bool(row, switches)) for row in chunk.rows]
    bulk_of(connection).append(Insert(table, chunk.columns), rows)


def _as_bool(row: Sequence[Any], switches: Sequence[bool]) -> Iterator[Any]:
    """SQLite stores 0 and 1 where PostgreSQL asks for booleans."""
    for value, switch in zip(row, switches, strict=True):
        yield bool(value) if switch and value is not None else value


def _must_be_empty(connection: Connection) -> None:
    for table in _tables():
        if table is not meta and connection.scalar(select(1).select_from(table).limit(1)):
            raise Conflict(
                f"the store is not empty (there is something in {table.name}); an archive is "
                "imported into a new one"
            )


def _make_weeks(connection: Connection, table: str, arrivals: tuple[int, int] | None) -> None:
    if arrivals is not None:
        since, until = (from_micros(at) for at in arrivals)
        partitions.create_between(connection, table, since, until)


def _check_counts(connection: Connection, header: Header, counted: dict[str, int]) -> None:
    for table in _tables():
        told, held = counted.get(table.name), _count(connection, table)
        if told is None or told != header.rows.get(table.name):
            raise BadInput("file", f"an end within {table.name}", _WHOLE)
        if table is not meta and held != told:
            raise Conflict(f"{table.name}: {held:,} rows arrived of {told:,}")


def _settle_ids(connection: Connection) -> None:
    """No writer may hand out a number that an imported row has."""
    for name in connection.scalars(select(id_block.c.name)).all():
        table = metadata.tables.get(name)
        if table is None or "id" not in table.c:
            continue
        last = connection.scalar(select(func.max(table.c.id))) or 0
        beyond = ids_of(block_of(last))[-1] + 1  # blocks begin where they would have begun
        connection.execute(
            id_block.update()
            .where(id_block.c.name == name, id_block.c.next < beyond)
            .values(next=beyond)
        )


# -- the file ------------------------------------------------------------------------------------


def _put(out: BinaryIO, value: Header | Chunk) -> None:
    encoded = _encode(value)
    out.write(_LENGTH.pack(len(encoded)))
    out.write(encoded)


def _read(file: BinaryIO) -> Iterator[bytes]:
    with zstandard.ZstdDecompressor().stream_reader(file) as stream:
        while True:
            try:
                length = _exactly(stream, _LENGTH.size)
                if not length:
                    return
                (size,) = _LENGTH.unpack(length)
                value = _exactly(stream, size)
            except (zstandard.ZstdError, struct.error) as error:
                raise BadInput("file", str(error), _WHOLE) from None
            if len(value) < size:
                raise BadInput("file", "an end within a value", _WHOLE)
            yield value


def _exactly(stream: Any, size: int) -> bytes:
    parts = b""
    while len(parts) < size and (part := stream.read(size - len(parts))):
        parts += part
    return parts


def _read_header(value: bytes) -> Header:
    try:
        header = _header.decode(value)
    except msgspec.MsgspecError:
        raise BadInput("file", value[:20], "an archive made by trackside store export") from None
    newest = migrate.versions()[-1]
    if header.format != FORMAT or header.version != newest:
        raise ConfigError(
            f"the archive is of store version {header.version} (Trackside {header.release}), this "
            f"release has {newest}; import it with that release, then upgrade"
        )
    return header


def _tables() -> list[Table]:
    return [table for table in metadata.tables.values() if table is not lease]


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _arrivals(connection: Connection, table: str) -> tuple[int, int] | None:
    column = partitions.ARRIVAL[table]
    first, last = connection.execute(
        text(f"SELECT min({column}), max({column}) FROM {table}")
    ).one()
    return None if first is None else (first, last)
