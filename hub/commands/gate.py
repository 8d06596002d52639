"""`trackside gate`: is this dataset good to publish? For any script, by its exit code."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.markup import escape

from hub.commands.client import Client, detail, hub_at_work
from hub.commands.common import AsJson, ConfigFile, DatabaseUrl, err, load, out, print_json
from hub.commands.incidents import length_of
from hub.errors import BadInput, Unavailable

PASSED, FAILED, MISTAKE, UNKNOWN = 0, 1, 2, 3
_CODES: Final = {True: PASSED, False: FAILED, None: UNKNOWN}
_SIGNS: Final = {True: "[green]passed[/]", False: "[red]failed[/]", None: "[yellow]unknown[/]"}
#: One request waits no longer: proxies close connections on which nothing comes.
REQUEST_S: Final = 25.0
#: Between two tries while the hub is restarted.
PAUSE_S: Final = 2.0

Names = Annotated[
    list[str] | None,
    typer.Option("--check", help="This check must have passed; repeat it. * is any text."),
]
Partition = Annotated[str | None, typer.Option(help="One partition of it.")]


def command(
    dataset: Annotated[
        str, typer.Argument(help="namespace:name, or dataset:namespace:name.", metavar="DATASET")
    ],
    partition: Partition = None,
    check: Names = None,
    wait: Annotated[
        str | None, typer.Option(help="How long to wait for it to pass: 30min, 2h.")
    ] = None,
    fresh_within: Annotated[
        str | None, typer.Option(help="It was updated within so long: 24h.")
    ] = None,
    rows: Annotated[int | None, typer.Option(help="It has at least so many rows.", min=0)] = None,
    severity: Annotated[
        str | None, typer.Option(help="Incidents at least so severe count; all unless told.")
    ] = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    checks: Annotated[bool, typer.Option(help="Checks must have passed.")] = True,
    incidents: Annotated[bool, typer.Option(help="No incident may be open.")] = True,
    policy: Annotated[bool, typer.Option(help="Its declared freshness holds.")] = True,
    producer: Annotated[
        bool, typer.Option("--producer", help="Incidents of the job behind it count, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether a dataset is good to publish, and why.

    Exits with 0 if it is, 1 if it is not, 2 for a mistake in the command, 3 if that is not known.

    trackside gate s3://lake:orders --partition 2026-11-30 --wait 30min && publish
    """
    asked = {
        "partition": partition,
        "check": check,
        "freshWithinS": _seconds(fresh_within, "--fresh-within"),
        "rows": rows,
        "severity": severity,
        "checks": checks,
        "incidents": incidents,
        "policy": policy,
        "producer": producer,
    }
    query = {name: value for name, value in asked.items() if value is not None}
    patience = _seconds(wait, "--wait") or 0.0
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = _ask(hub, f"/api/v1/gates/{quote(dataset, safe='')}", query, patience)
    if as_json:
        print_json(told)
    else:
        _show(dataset, told)
    raise typer.Exit(_CODES[told["passed"]])


def _seconds(text: str | None, flag: str) -> float | None:
    if text is None:
        return None
    try:
        return length_of(text).total_seconds()
    except BadInput:
        _mistaken(f"{flag}: expected a length of time, as in 30min, 2h or 3d, found {text!r}")
        raise typer.Exit(MISTAKE) from None


def _ask(hub: Client, path: str, query: dict[str, Any], patience: float) -> dict[str, Any]:
    """The answer; the latest one when the patience, in seconds, is at its end."""
    end = time.monotonic() + patience
    while True:
        left = max(0.0, end - time.monotonic())
        try:
            answer = hub.ask("GET", path, params=query | {"wait": min(REQUEST_S, left)})
        except Unavailable:
            if time.monotonic() + PAUSE_S >= end:
                raise
            time.sleep(PAUSE_S)
            continue
        if not answer.is_success:
            _mistaken(detail(answer))
            raise typer.Exit(UNKNOWN if answer.status_code in {401, 403} else MISTAKE)
        told: dict[str, Any] = answer.json()
        if told["passed"] or time.monotonic() >= end:
            return told


def _mistaken(text: str) -> None:
    err.print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)


def _show(dataset: str, told: dict[str, Any]) -> None:
    where = f" {told['partition']}" if told["partition"] else ""
    out.print(f"{_SIGNS[told['passed']]} {escape(dataset + where)}", soft_wrap=True)
    for part in told["parts"]:
        out.print(f"  {_SIGNS[part['passed']]} {escape(part['reason'])}", soft_wrap=True)
