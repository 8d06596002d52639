"""Addresses of the hub's pages, for whoever links to them: its pages themselves, and messages.

All pages lie side by side, so that an address also holds where a proxy serves the hub below a
path: what stands here is relative to the hub's own address.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from hub.model import EntityName


def to(page: str, **asked: object) -> str:
    """The address of a page; what is None is left out."""
    given = {name: str(value) for name, value in asked.items() if value is not None}
    return f"{page}?{urlencode(given, quote_via=quote)}" if given else page


def job(name: EntityName) -> str:
    return to("job", namespace=name.namespace, name=name.name)


def dataset(name: EntityName) -> str:
    return to("dataset", namespace=name.namespace, name=name.name)


def run(key: str, of: EntityName | None = None) -> str:
    """A Dagster run's id is shared by its jobs: `of` says which one is meant."""
    return to("run", id=key, job=None if of is None else f"{of.namespace}:{of.name}")


def incident(key: int) -> str:
    return to("incident", id=key)


def open_incidents(team: str | None = None) -> str:
    return to("incidents", open="true", team=team)
