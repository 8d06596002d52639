"""`trackside dashboards`: Grafana dashboards and Prometheus rules, as files or into a Grafana."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dashboards import files, provision
from dashboards.contact_points import CantBeShown, expanded
from dashboards.contact_points import contact_points as made_of
from dashboards.provision import Fate, Grafana
from dashboards.sources import Wanted, provisioned, push_sources
from hub.commands.common import ConfigFile, err, load, out, rows
from hub.errors import ConfigError
from hub.secrets import SecretRef

app: Final = typer.Typer(help="Grafana dashboards and Prometheus rules.", no_args_is_help=True)

Url = Annotated[str, typer.Option("--grafana", help="Where Grafana is.", metavar="URL")]
Token = Annotated[
    str,
    typer.Option(help="The secret that holds a service account's token.", metavar="REFERENCE"),
]
Prometheus = Annotated[
    str | None,
    typer.Option(help="Also a data source: where Grafana reaches Prometheus.", metavar="URL"),
]
Hub = Annotated[
    str | None,
    typer.Option("--hub", help="Also a data source: where Grafana reaches the hub.", metavar="URL"),
]
HubToken = Annotated[
    str | None,
    typer.Option(help="The secret that holds Grafana's token of the hub.", metavar="REFERENCE"),
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
    prometheus: Prometheus = None,
    hub: Hub = None,
    hub_token: HubToken = None,
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
        folder,
        runbooks=runbooks,
        namespace=config_maps,
        schema=schema,
        contact_points=points,
        data_sources=_provisioned(prometheus, hub, hub_token),
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
    prometheus: Prometheus = None,
    hub: Hub = None,
    hub_token: HubToken = None,
) -> None:
    """Bring the dashboards, and data sources if told, into a Grafana, in the folder Trackside.

    What is as it should be stays; what a person has changed stays too, unless it is forced. Exit
    code 1 if something was kept for that reason.

    GRAFANA_TOKEN=glsa_... trackside dashboards push --grafana https://grafana.example.com
    """
    wanted = _wanted(prometheus, hub, hub_token)
    with _opened(grafana, token) as there:
        fates = push_sources(there, wanted, force=force)
        fates |= provision.push(there, force=force)
    rows(("WHAT", "NOW"), [(uid, str(fate)) for uid, fate in fates.items()])
    if Fate.KEPT in fates.values():
        raise typer.Exit(1)


@app.command()
def diff(
    *,
    grafana: Url,
    token: Token = TOKEN,
    prometheus: Prometheus = None,
    hub: Hub = None,
    hub_token: HubToken = None,
) -> None:
    """Show what a push would change; exit code 1 if it would."""
    differs = False
    wanted = _wanted(prometheus, hub, hub_token)
    with _opened(grafana, token) as there:
        for uid, fate in push_sources(there, wanted, force=True, only_look=True).items():
            if fate is not Fate.UNCHANGED:
                differs = True
                out.print(f"data source {uid}: would be {fate}", markup=False)
        for uid, board in provision.boards().items():
            found = there.found(uid)
            if provision.decided(board, found, force=True) is Fate.UNCHANGED:
                continue
            differs = True
            for line in provision.difference(board, found):
                out.print(line, markup=False, soft_wrap=True)
    if differs:
        raise typer.Exit(1)


def _wanted(prometheus: str | None, hub: str | None, hub_token: str | None) -> Wanted:
    token = None if hub_token is None else SecretRef.parse(hub_token).resolve().reveal()
    return Wanted(prometheus, hub, token)


def _provisioned(
    prometheus: str | None, hub: str | None, hub_token: str | None
) -> dict[str, Any] | None:
    """A file without a secret: Grafana finds it in its own environment."""
    if prometheus is None and hub is None:
        return None
    try:
        token = None if hub_token is None else expanded(SecretRef.parse(hub_token))
    except CantBeShown as error:
        raise ConfigError(f"--hub-token: {error}") from None
    return provisioned(Wanted(prometheus, hub, token))


def _opened(url: str, token: str) -> Grafana:
    return Grafana(url, SecretRef.parse(token).resolve().reveal())
