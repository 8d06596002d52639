"""`trackside config`: what is set, whether it is right, and what could be."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
import yaml

from hub.commands.common import ConfigFile, load, out
from hub.evaluate.book import book_of
from hub.evaluate.heartbeats import heartbeats_of
from hub.evaluate.plan import plan_of
from hub.figures.selected import selectors_of
from hub.polls.fleet import check_file
from hub.settings import Settings, variables
from hub.telling import plan_in
from hub.triggers.grants import grants_of
from hub.triggers.plan import plan_of as subscriptions_of
from hub.triggers.reruns import reruns_of

app = typer.Typer(help="Check, show and describe the settings.", no_args_is_help=True)


@app.command()
def check(config: ConfigFile = None) -> None:
    """Check trackside.yaml and the environment as a whole; exit 2 names all that is wrong.

    Before a deployment:  trackside config check --config new.yaml
    """
    settings = load(config)
    check_all(settings)
    out.print(f"{settings.config or 'defaults and environment'}: all right")


def check_all(settings: Settings) -> None:
    """Raises ConfigError, which tells what is wrong in any section."""
    check_file(settings)
    book_of(settings)
    plan_of(settings)
    heartbeats_of(settings)
    plan_in(settings)
    subscriptions_of(settings)
    grants_of(settings)
    reruns_of(settings)
    selectors_of(settings)


@app.command()
def show(
    config: ConfigFile = None,
    *,
    names: Annotated[
        bool, typer.Option("--variables", help="Every TRACKSIDE_* variable and what it sets.")
    ] = False,
) -> None:
    """Show the settings as they are in force, as YAML; passwords are masked."""
    if names:
        for name, what in sorted(variables().items()):
            out.print(f"{name:44} {what}", markup=False, soft_wrap=True)
        return
    shown: dict[str, Any] = load(config).shown()
    out.print(yaml.safe_dump(shown, sort_keys=False), end="", markup=False, soft_wrap=True)


@app.command()
def schema() -> None:
    """Print the JSON Schema of trackside.yaml, for editors.

    trackside config schema > trackside.schema.json, and as first line of trackside.yaml:
    # yaml-language-server: $schema=./trackside.schema.json
    """
    typer.echo(json.dumps(Settings.json_schema(), indent=2))
