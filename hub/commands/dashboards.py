"""`trackside dashboards`: Grafana dashboards and Prometheus rules, as files or into a Grafana."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from dashboards import files, provision
from dashboards.contact_points import contact_points as made_of
from dashboards.provision import Fate, Grafana
from hub.commands.common import ConfigFile, err, load, out, rows
from hub.secrets import SecretRef

app: Final = typer.Typer(help="Grafana dashboards and Prometheus rules.", no_args_is_help=True)

Url = Annotated[str, typer.Option("--grafana", help="Where Grafana is.", metavar="URL")]
Token = Annotated[
    str,
    typer.Option(help="The secret that holds a service account's token.", metavar="REFERENCE"),
]
TOKEN: Final = "env:GRAFANA_TOKEN"  # noqa: S105  the name of one


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where to write them.")],
    *,
    runbooks: Annotated[
        str | None, typer.Option(help="Where your copies of docs/runbooks are.", metavar="URL")
    ] = None,
    config_maps: Annotated[
        str | None,
        typer.Option(help="Also as ConfigMaps of this namespace.", metavar="NAMESPACE"),
    ] = None,
    schema: Annotated[
        files.Schema, typer.Option(help="v2: as resources for Grafana 13, not for provisioning.")
    ] = "classic",
    contact_points: Annotated[
        bool,
        typer.Option("--contact-points", help="Also the targets of trackside.yaml, for Grafana."),
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Write dashboards, rules and a provider for provisioning by files.

    trackside dashboards export ./grafana --runbooks https://wiki.example.com/trackside
    """
    points = None
    if contact_points:
        points, left_out = made_of(load(config).targets)
        for name, why in left_out.items():
            err.print(f"not a contact point: {name} ({why})", markup=False)
    written = files.export(
        folder, runbooks=runbooks, namespace=config_maps, schema=schema, contact_points=points
    )
    out.print(f"{len(written)} files are in {folder}", markup=False)


@app.command()
def push(
    *,
    grafana: Url,
    token: Token = TOKEN,
    force: Annotated[
        bool, typer.Option("--force", help="Also over what a person has changed.")
    ] = False,
) -> None:
    """Bring the dashboards into a Grafana, in the folder Trackside.

    What is as it should be stays; what a person has changed stays too, unless it is forced. Exit
    code 1 if something was kept for that reason.

    GRAFANA_TOKEN=glsa_... trackside dashboards push --grafana https://grafana.example.com
    """
    with _opened(grafana, token) as there:
        fates = provision.push(there, force=force)
    rows(("DASHBOARD", "NOW"), [(uid, str(fate)) for uid, fate in fates.items()])
    if Fate.KEPT in fates.values():
        raise typer.Exit(1)


@app.command()
def diff(*, grafana: Url, token: Token = TOKEN) -> None:
    """Show what a push would change; exit code 1 if it would."""
    differs = False
    with _opened(grafana, token) as there:
        for uid, board in provision.boards().items():
            found = there.found(uid)
            if provision.decided(board, found, force=True) is Fate.UNCHANGED:
                continue
            differs = True
            for line in provision.difference(board, found):
                out.print(line, markup=False, soft_wrap=True)
    if differs:
        raise typer.Exit(1)


def _opened(url: str, token: str) -> Grafana:
    return Grafana(url, SecretRef.parse(token).resolve().reveal())
