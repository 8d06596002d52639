"""docs/configuration.md tells every setting, with its true default."""

import re
from pathlib import Path

import pytest

from hub.settings import MIB, OBJECTS, Settings, variables

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text()
ROWS = {
    cells[1].strip("` "): (cells[0].strip("` "), cells[2].strip("` "))
    for line in PAGE.splitlines()
    if line.startswith("| `") and len(cells := line.strip("| ").split(" | ")) == 4
}


def documented_variables() -> set[str]:
    return set(re.findall(r"TRACKSIDE_[A-Z_]*[A-Z]", PAGE)) - {"TRACKSIDE_A_B"}


def written(value: object) -> str:
    """A default as the page writes it."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: ""}[value]
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, int) and value >= MIB:
        return f"{value // MIB}MiB"
    return str(value)


def test_every_variable_is_documented_and_every_documented_one_exists() -> None:
    assert documented_variables() == set(variables())


@pytest.mark.parametrize("variable", sorted(ROWS.keys() & variables().keys()))
def test_the_documented_default_is_the_default(variable: str) -> None:
    setting, default = ROWS[variable]
    value: object = Settings()
    for name in setting.split("."):
        value = getattr(value, name)
    assert written(value) == default
    assert variable == "TRACKSIDE_" + setting.upper().replace(".", "_")


def test_the_sections_of_objects_are_named() -> None:
    assert not [name for name in OBJECTS if f"`{name}`" not in PAGE]


def test_the_example_is_valid(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    file = tmp_path / "trackside.yaml"
    file.write_text(example[1])
    assert Settings.load(file, environment={}).teams[0].name == "data"
