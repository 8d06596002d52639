"""The file: its values, and where each of them stands."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from hub.errors import ConfigError, shorten

PREFIX: Final = "TRACKSIDE_"
FILE_NAME: Final = "trackside.yaml"

#: The path of a setting: ("retention", "runs") or ("teams", 0, "name").
Spot = tuple[str | int, ...]


def config_path(config: Path | str | None, environment: Mapping[str, str]) -> Path | None:
    named = config or environment.get(PREFIX + "CONFIG")
    if named:
        return Path(named)
    return Path(FILE_NAME) if Path(FILE_NAME).exists() else None


def read_file(path: Path) -> tuple[dict[str, Any], dict[Spot, str]]:
    """The file's values and the place of each."""
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        places = {spot: f"{path}:{line}" for spot, line in _lines(path, node, (), frozenset())}
        values = (loader.construct_document(node) if node else None) or {}
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid YAML: {_yaml_problem(error)}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}:1: expected settings (name: value), found {shorten(values)}")
    return values, places


def _yaml_problem(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or type(error).__name__
    return f"line {mark.line + 1}: {problem}" if mark else str(error) or problem


def _lines(
    path: Path, node: yaml.Node | None, at: Spot, above: frozenset[int]
) -> Iterator[tuple[Spot, int]]:
    """Every setting's path and line. A key that stands twice is an error: YAML takes the last."""
    if node is None or id(node) in above:  # an alias may point at what holds it
        return
    above |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen:
                raise ConfigError(f"{path}:{line}: {name} stands here and in line {seen[name]}")
            seen[name] = line
            yield (*at, name), line
            yield from _lines(path, value, (*at, name), above)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*at, index), item.start_mark.line + 1
            yield from _lines(path, item, (*at, index), above)


def put(
    values: dict[str, Any], places: dict[Spot, str], path: Spot, value: object, place: str
) -> None:
    """Override one setting; what stood there may have been of a wrong type."""
    inner = values
    for part in path[:-1]:
        if not isinstance(inner.get(str(part)), dict):
            inner[str(part)] = {}
        inner = inner[str(part)]
    inner[str(path[-1])] = value
    places[path] = place


def place_of(places: Mapping[Spot, str], path: Spot) -> str:
    for end in range(len(path), 0, -1):
        if path[:end] in places:
            return places[path[:end]]
    return FILE_NAME
