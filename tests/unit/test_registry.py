"""The one plug-in mechanism."""

from importlib.metadata import EntryPoint

import pytest

from hub import registry
from hub.errors import ConfigError, UnknownKind
from hub.registry import Registry


def entry_points_of(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    found = [EntryPoint(name, value, "plug-ins") for name, value in values.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: found)


def test_what_was_registered_is_found_by_its_name() -> None:
    shapes: Registry[type] = Registry("shape")

    @shapes.register("round")
    class Round: ...

    assert shapes.get("round") is Round
    assert shapes.names() == list(shapes) == ["round"]
    assert "round" in shapes
    assert shapes.items() == [("round", Round)]


def test_an_unknown_kind_is_told_the_known_ones() -> None:
    shapes: Registry[int] = Registry("shape")
    shapes.add("round", 1)
    shapes.add("square", 2)
    with pytest.raises(UnknownKind) as caught:
        shapes.get("rund")
    told = "unknown shape 'rund'; known: round, square. Did you mean 'round'?"
    assert str(caught.value) == told


def test_a_name_is_given_once() -> None:
    shapes: Registry[list[int]] = Registry("shape")
    shapes.add("round", item := [1])
    shapes.add("round", item)
    with pytest.raises(ConfigError, match="the shape 'round' is registered twice"):
        shapes.add("round", [2])


def test_other_distributions_bring_theirs_as_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_points_of(monkeypatch, deep="copy:deepcopy")
    functions: Registry[object] = Registry("function", group="plug-ins")
    functions.add("own", len)
    assert functions.get("own") is len
    assert functions.names() == ["deep", "own"]


def test_a_plug_in_that_cant_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_points_of(monkeypatch, broken="no_such_module:thing")
    functions: Registry[object] = Registry("function", group="plug-ins")
    with pytest.raises(ConfigError, match="the function 'broken' can't be loaded: No module"):
        functions.names()
