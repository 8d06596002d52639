"""Nodes stand in layers along their links, and none covers another."""

from __future__ import annotations

from itertools import combinations, pairwise

from hub.web.layers import TALL, WIDE, placed


def test_what_is_made_of_something_stands_to_its_right() -> None:
    links = [("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")]
    places = placed(["a", "b", "c", "d"], links)
    assert all(places[one][0] + WIDE <= places[other][0] for one, other in links)
    assert places["d"][0] == places["b"][0]


def test_a_circle_is_placed_as_if_it_were_none() -> None:
    places = placed(["a", "b", "c"], [("a", "b"), ("b", "c"), ("c", "a")])
    assert [places[one][0] for one in "abc"] == [0, WIDE, 2 * WIDE]


def test_no_node_covers_another() -> None:
    nodes = [str(n) for n in range(60)]
    links = [(str(n), str((n * 7 + 11) % 60)) for n in range(60)] + [
        ("0", one) for one in nodes[1:]
    ]
    places = placed(nodes, links)
    for (x1, y1), (x2, y2) in combinations(places.values(), 2):
        assert abs(x1 - x2) >= WIDE or abs(y1 - y2) >= TALL - 0.001


def test_a_chain_may_be_longer_than_a_stack() -> None:
    nodes = [str(n) for n in range(5000)]
    places = placed(nodes, list(pairwise(nodes)))
    assert places["4999"][0] - places["0"][0] == 4999 * WIDE
