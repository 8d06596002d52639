"""The small picture of lineage: columns by distance, and names that can do nothing."""

from __future__ import annotations

from hub.model import Direction
from hub.store.lineage import Edge, Graph
from hub.web.graph import Key, Node, columns_of, drawn

IN, OUT = Direction.INPUT, Direction.OUTPUT


def graph(*edges: tuple[int, str, int]) -> Graph:
    return Graph({e[0] for e in edges}, {e[2] for e in edges}, [Edge(*e) for e in edges], False)


def test_columns_follow_the_data() -> None:
    line = graph((1, IN, 10), (1, OUT, 20), (2, IN, 20), (2, OUT, 30))
    assert columns_of(line, ("dataset", 20)) == {
        -2: [("dataset", 10)],
        -1: [("job", 1)],
        0: [("dataset", 20)],
        1: [("job", 2)],
        2: [("dataset", 30)],
    }


def test_what_is_far_is_left_out() -> None:
    line = graph((1, IN, 10), (1, OUT, 20), (2, IN, 20), (2, OUT, 30))
    assert set(columns_of(line, ("dataset", 10))) == {0, 1, 2}


def test_a_circle_ends() -> None:
    circle = graph((1, IN, 10), (1, OUT, 20), (2, IN, 20), (2, OUT, 10))
    assert columns_of(circle, ("dataset", 10))[0] == [("dataset", 10)]


def test_a_tall_column_says_how_many_it_leaves_out() -> None:
    many = graph(*((n, IN, 1) for n in range(2, 32)))
    nodes: dict[Key, Node] = {("dataset", 1): Node("source", "dataset")}
    nodes |= {("job", n): Node(f"job {n}", "job") for n in range(2, 32)}
    assert "and 18 more" in drawn(many, ("dataset", 1), nodes)


def test_a_name_is_text() -> None:
    nodes: dict[Key, Node] = {
        ("dataset", 10): Node("<b>&\"'", 'dataset?name="><b>'),
        ("job", 1): Node("load", "job"),
    }
    picture = drawn(graph((1, IN, 10)), ("job", 1), nodes)
    assert "<b>" not in picture
    assert "&lt;b&gt;" in picture


def test_the_way_from_the_root_cause_is_drawn_however_far_it_is() -> None:
    edges = [(n, way, 10 * n + (way == OUT) * 10) for n in range(1, 6) for way in (IN, OUT)]
    line = graph(*edges)
    nodes: dict[Key, Node] = {("job", n): Node(f"job {n}", "job") for n in range(1, 6)}
    nodes |= {("dataset", 10 * n): Node(f"data {n}", "dataset") for n in range(1, 7)}
    nodes["dataset", 10] = Node("data 1", "dataset", mark=True, cause=True)
    nodes["dataset", 60] = Node("data 6", "dataset", late="freshness from noon on")
    start = ("dataset", 50)
    assert "data 1" not in drawn(line, start, nodes)
    picture = drawn(line, start, nodes, [*nodes])
    assert 'class="node dataset cause"' in picture
    assert "dataset data 1, the root cause" in picture
    assert 'class="soon"' in picture
    assert "freshness from noon on" in picture
