"""`trackside checks`: results of quality tools, from files to the hub."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from msgspec.structs import replace

from hub import quality
from hub.commands.client import named_hub
from hub.commands.common import err, out
from hub.commands.dbt_project import artifacts, connection_of
from hub.commands.sending import batches, send
from hub.errors import BadInput, Unavailable
from hub.model import Check, CheckStatus
from hub.openlineage.decode import decode_event
from hub.openlineage.faults import Phrase
from hub.quality.base import Given, Report, tools
from hub.settings import ClientSettings
from hub.wrap.sender import Line, flush
from hub.wrap.spool import EVENTS, OBSERVATIONS, Spool

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

_KEPT = 3


Updates = Annotated[
    bool,
    typer.Option(
        "--updates/--no-updates",
        help="Whether data that dbt saw to have been loaded count as an update.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the checks, and send nothing.")]


class Tool(StrEnum):
    """Whose results."""

    DBT = "dbt"
    GREAT_EXPECTATIONS = "great-expectations"
    SODA = "soda"


@app.callback()
def options() -> None:
    """What dbt, Great Expectations and Soda found, as checks of datasets."""


@app.command("import")
def import_(
    tool: Annotated[Tool, typer.Argument(help="Whose results these are.")],
    files: Annotated[
        list[Path],
        typer.Argument(help="Of dbt its artifacts, or the folder target; of others, results."),
    ],
    namespace: Annotated[
        str | None,
        typer.Option(help="Of the datasets, as in postgres://dwh:5432. Of dbt: by its profile."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="What the dataset is called; {table}: what the results call it."),
    ] = None,
    partition: Annotated[str | None, typer.Option(help="That the results are of.")] = None,
    job_namespace: Annotated[
        str | None,
        typer.Option(
            help="Of the jobs that checked; else as the tool.", envvar="OPENLINEAGE_NAMESPACE"
        ),
    ] = None,
    *,
    updates: Updates = True,
    profiles_dir: Annotated[
        Path | None, typer.Option(help="Where profiles.yml of dbt is, if not where dbt looks.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Tell the hub what a tool has found. The same file twice is recorded once.

    Exit status: 0 the hub has it; 1 a file can't be understood, or the hub refused some of it;
    2 the command is wrong; 3 the hub did not take it: it is kept on disk, and sent by the next
    call of this or of `trackside exec`.

    dbt build; trackside checks import dbt target
    """
    given = Given(namespace, dataset, partition, job_namespace, updates)
    quality.load()
    reports = list(_reports(tool, files, given, profiles_dir))
    checks = [one for report in reports for event in report.events for one in _checks(event)]
    if dry_run:
        for name, check in checks:
            out.print(_line(name, check), markup=False, soft_wrap=True)
    events = [event for report in reports for event in report.events]
    observations = [each for report in reports for each in report.observations]
    bad = sum(check.status is CheckStatus.FAILED for _, check in checks)
    out.print(f"{len(checks)} checks, {bad} failed, in {len(events)} lineage events")
    if not dry_run:
        raise typer.Exit(_send(events, msgspec.json.encode(observations) if observations else b""))


def _reports(
    tool: Tool, files: Sequence[Path], given: Given, profiles_dir: Path | None
) -> Iterator[Report]:
    read = tools.get(tool)
    if tool is Tool.DBT:
        made = artifacts(files)
        if given.namespace is None:
            found = connection_of(made, os.environ, profiles_dir)
            given = replace(given, namespace=found)
        yield read(made.document, given)
        return
    for file in files:
        raw = _bytes_of(file)
        try:
            yield read(raw, given)
        except BadInput as error:
            where = f"{file}: {error.path}"
            raise BadInput(where, Phrase(error.found), error.expected, error.hint) from None


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(str(file), Phrase(error.strerror or ""), "a file that can be read") from None


def _checks(event: bytes) -> Iterator[tuple[str, Check]]:
    """With the dataset (partition) that each is of."""
    for facts in decode_event(event).datasets:
        where = f" [{facts.partition}]" if facts.partition else ""
        for check in facts.checks:
            yield f"{facts.name.namespace}:{facts.name.name}{where}", check


def _line(name: str, check: Check) -> str:
    column = f" of column {check.column}" if check.column else ""
    words = ((check.actual, "found"), (check.expected, "expected"))
    told = ", ".join(f"{value} {word}" for value, word in words if value is not None)
    return f"{check.status:<8}{name} {check.name}{column}{f': {told}' if told else ''}"


# -- to the hub --------------------------------------------------------------------------------


class _Door(Struct, frozen=True):
    """The hub as the spool's sender knows it."""

    settings: ClientSettings

    @property
    def url(self) -> str:
        return self.settings.url.rstrip("/")

    def token(self) -> str | None:
        token = self.settings.token
        return token.get_secret_value() if token else None


def _send(events: Sequence[bytes], observations: bytes) -> int:
    """The exit status. What the hub does not take now is kept."""
    door = _Door(ClientSettings.load())
    spool = Spool(door.url)
    left = list(batches(events))
    refused = 0
    try:
        with named_hub() as hub:
            while left:
                refused += send(hub, left[0])["refused"]
                left.pop(0)
            if observations:
                hub.json("POST", "/api/v1/observations", content=observations)
    except Unavailable as error:
        _keep(spool, [event for batch in left for event in batch], observations)
        err.print(f"[yellow]kept on disk, to be sent later:[/] {error}")
        return _KEPT
    flush(Line(door), spool)
    return 1 if refused else 0


def _keep(spool: Spool, events: list[bytes], observations: bytes) -> None:
    """Raises Unavailable where there is no place for them."""
    try:
        if events:
            spool.put(events, EVENTS)
        if observations:
            spool.put([observations], OBSERVATIONS)
    except OSError as error:
        raise Unavailable(f"nor can it be kept in {spool.folder}: {error}") from None
