"""The map of imports: it is complete, and a trespass is found."""

import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["hub", "adapters", "alerting", "dashboards"]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]

#: Each breaks at least one contract; together they break all.
TRESPASSES = {
    "adapters/planted.py": "import hub.settings",
    "adapters/planted_neighbour.py": "import adapters.planted",
    "alerting/planted.py": "import hub.settings",
    "dashboards/planted.py": "import sqlalchemy",
    "hub/rules/planted.py": "import httpx, hub.settings",
    "hub/errors.py": "import hub.registry",
}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_imported_from_this_checkout(package: str) -> None:
    file = importlib.import_module(package).__file__
    assert file
    assert Path(file).is_relative_to(ROOT)


def test_every_module_of_the_hub_has_a_layer() -> None:
    layers = re.findall(r"hub\.\w+", " ".join(CONTRACTS[0]["layers"]))
    children = {path.stem for path in (ROOT / "hub").glob("*.py")}
    children |= {path.parent.name for path in (ROOT / "hub").glob("*/__init__.py")}
    assert {f"hub.{name}" for name in children - {"__init__"}} <= set(layers)


def test_a_trespass_breaks_each_contract(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, line in TRESPASSES.items():
        plant(tmp_path / name, line)
    told = lint(tmp_path)
    assert told.returncode == 1, told.stdout
    for contract in CONTRACTS:
        assert f"{contract['name']} BROKEN" in told.stdout


def plant(file: Path, line: str) -> None:
    file.parent.mkdir(exist_ok=True)
    (file.parent / "__init__.py").touch()
    with file.open("a") as out:
        out.write(f"\n{line}\n")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )
