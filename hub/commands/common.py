"""What the commands share: flags, the way to the store or to a running hub, tables and bars."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from hub.settings import Settings
from hub.settings.file import PREFIX

out: Final = Console(highlight=False)
err: Final = Console(stderr=True, highlight=False)

ConfigFile = Annotated[
    str | None,
    typer.Option(
        "--config", help="trackside.yaml to read.", metavar="FILE", rich_help_panel="Settings"
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        help="sqlite:///data/trackside.db or postgresql://user:password@host/database.",
        metavar="URL",
        rich_help_panel="Settings",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


def command_name() -> str:
    """What is typed to call us: `trackside`, or its path where a shell would not find it."""
    told = sys.argv[0]
    by_path = os.path.basename(told) == "trackside" and not shutil.which("trackside")  # noqa: PTH119
    return told if by_path else "trackside"


def load(config: str | None = None, **flags: object) -> Settings:
    """The settings, with flags above all else; warnings are told."""
    settings = Settings.load(config, flags)
    for warning in settings.warnings:
        err.print(f"[yellow]warning:[/] {warning}")
    return settings


def hub_url_given() -> bool:
    """Whether the person has said that a running hub is meant."""
    return bool(os.environ.get(f"{PREFIX}URL"))


def confirm(question: str, *, yes: bool) -> None:
    """Goes on only if the person wants it; where nobody can answer, --yes must have been said."""
    if not yes and not typer.confirm(question):
        raise typer.Exit(1)


def table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False, header_style="bold")


def size(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def ago(text: str, now: datetime) -> str:
    """How long an instant of the API is past: "3 d", "5 h", "2 min", "7 s"."""
    seconds = max(0.0, (now - datetime.fromisoformat(text)).total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def clock(text: str | None) -> str:
    """An instant of the API for people, "" if there is none."""
    return "" if text is None else f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def print_json(told: object) -> None:
    """For programs, whatever the width of the terminal."""
    out.print(json.dumps(told, indent=2, ensure_ascii=False), markup=False, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar on stderr; without a terminal nothing moves, the result is told at the end."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as bars:
        yield bars


def rows(title: Sequence[str], lines: Sequence[Sequence[Any]]) -> None:
    """Prints a table."""
    shown = table(*title)
    for line in lines:
        shown.add_row(*("" if value is None else str(value) for value in line))
    out.print(shown)
