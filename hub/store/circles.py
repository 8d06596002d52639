"""Ways along which a launch comes back to what it was launched by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Connection, Select, select

from hub.model import Direction, EntityName
from hub.store.jobs import current_edge
from hub.store.neighbours import flows, outermost
from hub.store.reading import among
from hub.store.subscriptions import find_subscription, naming, subscriptions_by_id
from hub.store.tables import edge, job, namespace
from hub.store.updates import datasets_named, offered

#: What a way leads through at most; a longer one is not looked for.
MOST: Final = 20_000


class Node(NamedTuple):
    """A job or dataset, which need not be there, or a subscription (its namespace is "")."""

    kind: Literal["job", "dataset", "subscription"]
    name: EntityName

    def __str__(self) -> str:
        name = self.name.name
        if self.kind == "subscription":
            return f"subscription {name}"
        return f"{self.kind} {self.name.namespace}/{name}"


def target_node(launch: Mapping[str, Any]) -> Node:
    """What a subscription launches, by its spec: a job, or the update of an asset."""
    name = EntityName(launch.get("namespace") or launch["orchestrator"], launch["job"])
    return Node("dataset" if launch.get("kind") == "asset_event" else "job", name)


def find_circle(
    connection: Connection, name: str, target: Node, inputs: Iterable[EntityName]
) -> list[str] | None:
    """The way from what a subscription launches to one of its inputs, in words, the subscription
    first and last; None: there is none.

    It goes by what jobs read and write as of now, and by other subscriptions.
    """
    goals = _canonical(connection, {Node("dataset", one) for one in inputs})
    own = Node("subscription", EntityName("", name))
    level = list(_canonical(connection, {target}))
    before = dict.fromkeys(level, own)
    while level and len(before) < MOST:
        for node in level:
            if node in goals:
                return [str(own), *map(str, _way(before, node, own)), str(own)]
        reached: dict[Node, Node] = {}
        for node, following in _steps(connection, level, own):
            if following not in before:
                reached.setdefault(following, node)
        before |= reached
        level = list(reached)
    return None


def _way(before: Mapping[Node, Node], node: Node, start: Node) -> list[Node]:
    way = []
    while node != start:
        way.append(node)
        node = before[node]
    return way[::-1]


def _canonical(connection: Connection, nodes: Iterable[Node]) -> set[Node]:
    """With the names of the datasets that symlinks stand for."""
    listed = set(nodes)
    keys = datasets_named(connection, [one.name for one in listed if one.kind == "dataset"])
    own = {key: one.names[0] for key, one in offered(connection, keys.values()).items()}
    return {
        Node("dataset", own[keys[one.name]])
        if one.kind == "dataset" and keys.get(one.name) in own
        else one
        for one in listed
    }


def _steps(connection: Connection, level: Iterable[Node], own: Node) -> Iterator[tuple[Node, Node]]:
    """Where each node of a level leads."""
    jobs = [one for one in level if one.kind == "job"]
    datasets = [one for one in level if one.kind == "dataset"]
    told = [one for one in level if one.kind == "subscription"]
    yield from _written(connection, jobs)
    yield from _read(connection, datasets)
    yield from _subscribed(connection, datasets, own)
    yield from _launched(connection, told)


def _written(connection: Connection, jobs: Iterable[Node]) -> Iterator[tuple[Node, Node]]:
    """What jobs write, also through jobs within them."""
    wanted = {one.name: one for one in jobs}
    rows = among(connection, _JOBS_NAMED, job.c.name, {name.name for name in wanted})
    keys = {row.id: EntityName(row.space, row.name) for row in rows}
    keys = {key: name for key, name in keys.items() if name in wanted}
    flowing = flows(connection, keys)
    names = offered(connection, {key for flow in flowing.values() for key in flow.writes})
    for key, flow in flowing.items():
        for dataset in flow.writes:
            if dataset in names:
                yield wanted[keys[key]], Node("dataset", names[dataset].names[0])


def _read(connection: Connection, datasets: Iterable[Node]) -> Iterator[tuple[Node, Node]]:
    """The outermost jobs that read datasets."""
    keys = datasets_named(connection, [one.name for one in datasets])
    by_key = {key: Node("dataset", name) for name, key in keys.items()}
    rows = among(connection, _READERS, edge.c.dataset_id, by_key)
    for row in rows:
        (outer,) = outermost(connection, [row.job_id])
        for found in among(connection, _JOBS_NAMED, job.c.id, [outer]):
            yield by_key[row.dataset_id], Node("job", EntityName(found.space, found.name))


def _subscribed(
    connection: Connection, datasets: Iterable[Node], own: Node
) -> Iterator[tuple[Node, Node]]:
    """Other subscriptions that wait for datasets."""
    listed = {one.name: one for one in datasets}
    keys = datasets_named(connection, listed)
    also = {name: listed[name] for name in listed}
    for key, one in offered(connection, keys.values()).items():
        mine = next(listed[name] for name, number in keys.items() if number == key)
        also |= dict.fromkeys(one.names, mine)
    named = naming(connection, also)
    found = subscriptions_by_id(
        connection, {each.subscription_id for some in named.values() for each in some}
    )
    for name, some in named.items():
        for each in some:
            node = Node("subscription", EntityName("", found[each.subscription_id].name))
            if node != own:
                yield also[name], node


def _launched(connection: Connection, told: Iterable[Node]) -> Iterator[tuple[Node, Node]]:
    """What subscriptions launch."""
    for one in told:
        kept = find_subscription(connection, one.name.name)
        if kept is not None:
            yield one, target_node(kept.spec["launch"])


_JOBS_NAMED: Select[Any] = (
    select(job.c.id, namespace.c.name.label("space"), job.c.name)
    .join(namespace, namespace.c.id == job.c.namespace_id)
    .where(job.c.hidden.is_(False))
)
_READERS: Select[Any] = (
    select(edge.c.dataset_id, edge.c.job_id)
    .join(job, job.c.id == edge.c.job_id)
    .where(current_edge(), edge.c.direction == Direction.INPUT)
)
