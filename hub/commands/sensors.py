"""`trackside sensors`: what is looked for outside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from hub.commands.client import hub_at_work
from hub.commands.common import AsJson, ConfigFile, DatabaseUrl, clock, load, out, print_json, rows
from hub.main import opened
from hub.polls.sensor_book import sensor_book_of
from hub.ports.sensors import Look

app = typer.Typer(help="Files, rows, values and times outside that become updates of datasets.",
                  no_args_is_help=True)  # fmt: skip


@app.command("list")
def list_(
    config: ConfigFile = None, database_url: DatabaseUrl = None, *, as_json: AsJson = False
) -> None:
    """List the sensors, and what each saw last or waits for."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", "/api/v1/sensors")
    if as_json:
        print_json(told)
        return
    lines = [
        (
            one["name"],
            one["kind"],
            escape(f"{one['dataset']['namespace']}:{one['dataset']['name']}"),
            clock(one["lookedAt"]),
            clock(one["sightedAt"]),
            escape(one["error"] or one["waitsFor"] or ""),
        )
        for one in told["sensors"]
    ]
    rows(("NAME", "KIND", "DATASET", "LOOKED", "SEEN", "WAITS FOR"), lines)


@app.command("test")
def look_once(
    name: Annotated[str, typer.Argument(help="As it is called in trackside.yaml.")],
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Look once through a sensor of trackside.yaml, and record nothing."""
    settings = load(config, database_url=database_url)
    one = sensor_book_of(settings, None).get(name)
    now = datetime.now(UTC)
    if one.kind == "run":
        with opened(settings) as db:
            _show(sensor_book_of(settings, db).get(name).sensor.look({}, now))
    else:
        _show(one.sensor.look({}, now))


def _show(found: Look) -> None:
    for one in found.sightings:
        where = f" partition {one.partition}" if one.partition else ""
        out.print(
            f"seen:{where} at {one.at:%Y-%m-%d %H:%M:%S} UTC, version {one.version}", markup=False
        )
    if not found.sightings or found.waits_for:
        out.print(f"waits for {found.waits_for or 'something new'}", markup=False, soft_wrap=True)
