"""Tags, and the ones people put on jobs, datasets and columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, union, update

from hub.errors import NotFound
from hub.model import EntityName, Viewer
from hub.store.names import find_dataset, find_job
from hub.store.reading import Page, Slice, cut, decode_cursor, json_list, kept_from
from hub.store.tables import dataset as dataset_table
from hub.store.tables import dataset_schema, dataset_tag, job_tag, search_term, tag
from hub.store.tables import job as job_table
from hub.store.views import TagView

#: The `origin` of a tag that a person set; tags told by events carry another.
BY_HAND = "user"
WHOLE = ""
#: Apart from the terms of the tags that events tell, which come and go with those.
SEARCHED_AS = f"tag:{BY_HAND}"

#: The search terms of some texts.
Words = Callable[[Iterable[str]], set[str]]


def list_tags(connection: Connection, viewer: Viewer, page: Page) -> Slice[TagView]:
    """Every tag that was described or is in use where the viewer may look, by name."""
    on_jobs = _told(viewer, job_tag.c.tag, job_tag.c.job_id, job_table)
    on_datasets = _told(viewer, dataset_tag.c.tag, dataset_tag.c.dataset_id, dataset_table)
    used = union(select(tag.c.name), on_jobs, on_datasets).subquery()
    statement = (
        select(used.c.name, tag.c.description)
        .outerjoin(tag, tag.c.name == used.c.name)
        .order_by(used.c.name)
        .limit(page.limit + 1)
        .offset(page.offset)
    )
    if page.after is not None:
        statement = statement.where(used.c.name > decode_cursor(page.after, tuple[str])[0])
    rows, following = cut(connection.execute(statement).all(), page, lambda row: (row.name,))
    return Slice([TagView(row.name, row.description) for row in rows], following)


def _told(viewer: Viewer, word: Any, owner: Any, entity: Any) -> Select[Any]:
    """The tags in use, but on what is private to others: that is rare, and has an index."""
    if viewer.all:
        return select(word)
    closed = select(entity.c.id).where(kept_from(viewer, entity.c.team), entity.c.team.is_not(None))
    return select(word).where(owner.not_in(closed))


def put_tag(connection: Connection, name: str, description: str | None, now: datetime) -> TagView:
    said = {"description": description, "updated_at": now}
    if not connection.execute(update(tag).where(tag.c.name == name).values(said)).rowcount:
        connection.execute(insert(tag).values({**said, "name": name}))
    return TagView(name, description)


def tag_job(
    connection: Connection, viewer: Viewer, name: EntityName, word: str, now: datetime, words: Words
) -> None:
    key = find_job(connection, viewer, name)
    _put(connection, job_tag, {"job_id": key}, word, now)
    _find_by_tags(connection, "job", key, words)


def untag_job(
    connection: Connection, viewer: Viewer, name: EntityName, word: str, words: Words
) -> None:
    key = find_job(connection, viewer, name)
    _take_off(connection, job_tag, {"job_id": key}, [word])
    _find_by_tags(connection, "job", key, words)


def tag_dataset(
    connection: Connection,
    viewer: Viewer,
    name: EntityName,
    word: str,
    now: datetime,
    words: Words,
    *,
    field: str = WHOLE,
) -> None:
    """Tags a dataset, or one of its columns; raises NotFound for a column it doesn't have."""
    key = find_dataset(connection, viewer, name)
    if field != WHOLE:
        _check_field(connection, key, field)
    _put(connection, dataset_tag, {"dataset_id": key, "field": field}, word, now)
    _find_by_tags(connection, "dataset", key, words)


def untag_dataset(
    connection: Connection,
    viewer: Viewer,
    name: EntityName,
    word: str,
    words: Words,
    *,
    field: str = WHOLE,
) -> None:
    """Takes a tag off; off a column in whichever case it was set."""
    key = find_dataset(connection, viewer, name)
    spelled = [word] if field == WHOLE else [word, word.upper()]
    _take_off(connection, dataset_tag, {"dataset_id": key, "field": field}, spelled)
    _find_by_tags(connection, "dataset", key, words)


def _put(connection: Connection, table: Any, key: dict[str, Any], word: str, now: datetime) -> None:
    conditions = [table.c[name] == value for name, value in {**key, "tag": word}.items()]
    if connection.execute(select(1).select_from(table).where(*conditions)).first() is None:
        connection.execute(insert(table).values(**key, tag=word, value=word, origin=BY_HAND))
    if connection.execute(select(1).where(tag.c.name == word)).first() is None:
        connection.execute(insert(tag).values(name=word, description=None, updated_at=now))


def _take_off(connection: Connection, table: Any, key: dict[str, Any], spelled: list[str]) -> None:
    conditions = [table.c[name] == value for name, value in key.items()]
    connection.execute(delete(table).where(*conditions, table.c.tag.in_(spelled)))


def _find_by_tags(connection: Connection, kind: str, key: int, words: Words) -> None:
    """Has search find the entity by the tags that people put on it."""
    mine = job_tag if kind == "job" else dataset_tag
    owner = mine.c.job_id if kind == "job" else mine.c.dataset_id
    texts = connection.scalars(select(mine.c.tag).where(owner == key, mine.c.origin == BY_HAND))
    terms = words(texts)
    row = {"kind": kind, "entity_id": key, "origin": SEARCHED_AS}
    old = [search_term.c[name] == value for name, value in row.items()]
    connection.execute(delete(search_term).where(*old))
    if terms:
        connection.execute(insert(search_term), [{**row, "term": term} for term in sorted(terms)])


def _check_field(connection: Connection, dataset_id: int, field: str) -> None:
    statement = (
        select(dataset_schema.c.fields)
        .join(dataset_table, dataset_table.c.schema_id == dataset_schema.c.id)
        .where(dataset_table.c.id == dataset_id)
    )
    fields = connection.scalar(statement)
    if fields is None or field not in {row[0] for row in json_list(fields)}:
        raise NotFound(f"Dataset field '{field}' not found.")
