"""What every committed file has to be."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Written in parts, so that this file does not name them either.
REGISTRIES = [
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("crates", "io"),
    ("proxy.golang", "org"),
    ("maven", "org"),
    ("deb.debian", "org"),
]
HOST = re.compile(
    rb"\b(" + b"|".join(re.escape(".".join(p)).encode() for p in REGISTRIES) + rb")\b"
)
PATH = re.compile(rb"(?<![\w.*>)}])/(work|farm|root|opt/wheels)/")


def committed() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    return [file for file in files if file.is_file()]


@pytest.mark.parametrize("pattern", [HOST, PATH], ids=["registry", "path"])
def test_no_committed_file_names_a_registry_host_or_a_path_of_one_computer(
    pattern: re.Pattern[bytes],
) -> None:
    hits = {str(file.relative_to(ROOT)): pattern.search(file.read_bytes()) for file in committed()}
    assert not {name: hit[0] for name, hit in hits.items() if hit}


def test_the_patterns_find_what_they_look_for() -> None:
    assert HOST.search(b"https://" + ".".join(REGISTRIES[0]).encode() + b"/simple")
    assert PATH.search(b"/".join([b"file:", b"", b"work", b"main"]) + b"/")
    assert not PATH.search(b"https://example.com/work/")


def test_the_container_file_is_clean() -> None:
    program = Path(sys.executable).with_name("hadolint")
    told = subprocess.run(
        [program, ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (0, "")


def test_the_version_is_that_of_the_changelog() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    heading = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heading
    assert heading[1] == version


def test_every_line_of_the_changelog_is_tagged() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    tag = re.compile(r"- \[(CHANGE|FEATURE|ENHANCEMENT|BUGFIX)\] \S")
    assert not [line for line in lines if line.startswith("-") and not tag.match(line)]


def test_what_is_marked_real_lies_where_make_real_looks() -> None:
    marked = {
        path.parent.name
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"\bmark\.real\b", path.read_text())
    }
    assert marked == {"real"}


def test_help_tells_every_verb() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)", makefile, re.MULTILINE)
    assert phony
    told = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.split()[1] for line in told.stdout.splitlines()] == phony[1].split()
