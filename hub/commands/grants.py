"""`trackside grants`: who may launch which jobs of others."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from hub.commands.client import hub_at_work
from hub.commands.common import AsJson, ConfigFile, DatabaseUrl, load, out, print_json, rows

app = typer.Typer(help="Who may launch which jobs of others.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="Its id, as `list` shows it.", metavar="ID")]


@app.command("list")
def list_(
    config: ConfigFile = None, database_url: DatabaseUrl = None, *, as_json: AsJson = False
) -> None:
    """List grants, those of trackside.yaml first."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", "/api/v1/grants")
    if as_json:
        print_json(told)
        return
    lines = [
        (
            one["id"] or "file",
            *(escape(one[name]) for name in ("team", "orchestrator", "namespace", "job")),
            escape(", ".join(one["conf"])),
        )
        for one in told["grants"]
    ]
    rows(("ID", "TEAM", "ORCHESTRATOR", "NAMESPACE", "JOB", "CONF"), lines)


@app.command()
def add(
    team: Annotated[str, typer.Argument(help="Who may launch.")],
    job: Annotated[str, typer.Argument(help="Which jobs, by name; * is any text.")],
    orchestrator: Annotated[
        str, typer.Option("--orchestrator", "-o", help="Of which orchestrator.")
    ] = "*",
    namespace: Annotated[str, typer.Option(help="Of which job namespace.")] = "*",
    conf: Annotated[
        list[str] | None, typer.Option("--conf", "-c", help="A key that the conf may have.")
    ] = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Let a team launch jobs that are not its own.

    trackside grants add marketing mart_* -o airflow-prod -c day -c full
    """
    asked = {
        "team": team,
        "orchestrator": orchestrator,
        "namespace": namespace,
        "job": job,
        "conf": conf or [],
    }
    with hub_at_work(load(config, database_url=database_url)) as hub:
        made = hub.json("POST", "/api/v1/grants", json=asked)
    out.print(f"grant {made['id']}: {team} may launch {job}", markup=False)


@app.command()
def remove(number: Number, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Take a grant back."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        gone = hub.json("DELETE", f"/api/v1/grants/{number}")
    out.print(f"{gone['team']} may no longer launch {gone['job']} by grant {number}", markup=False)
