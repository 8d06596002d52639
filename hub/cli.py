"""The command line. What goes wrong on purpose is told in a line, what to do about it included.

Exit codes: 0 done, 1 it failed or something was found, 2 the command or the configuration is
wrong, 3 the store or the hub can't be reached, 130 interrupted.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from hub import logs
from hub.commands import (
    alerting,
    backfills,
    backtest,
    config,
    dashboards,
    dead_letters,
    demo,
    doctor,
    events,
    gate,
    incidents,
    launches,
    maintenance,
    migrate,
    orchestrators,
    partitions,
    retention,
    rules,
    schedules,
    sensors,
    serve,
    silences,
    store,
    subscriptions,
    token,
)
from hub.commands.common import err
from hub.errors import ConfigError, Overloaded, TracksideError, Unavailable

app = typer.Typer(
    name="trackside",
    help="Trackside stands beside the tracks: it sees every run of your orchestrators, tells who "
    "must know, and can start the next one.\n\nBegin with:  trackside serve",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.command)
app.command("demo")(demo.command)
app.command("migrate")(migrate.command)
app.add_typer(token.app, name="token")
app.add_typer(token.teams, name="team")
app.add_typer(orchestrators.app, name="orchestrators")
app.add_typer(incidents.app, name="incidents")
app.add_typer(subscriptions.app, name="subscriptions")
app.command("gate")(gate.command)
app.add_typer(silences.app, name="silences")
app.add_typer(alerting.targets, name="targets")
app.add_typer(alerting.routes, name="routes")
app.add_typer(alerting.deliveries, name="deliveries")
app.add_typer(rules.app, name="rules")
app.add_typer(schedules.app, name="schedules")
app.add_typer(sensors.app, name="sensors")
app.add_typer(maintenance.app, name="maintenance")
app.add_typer(events.app, name="events")
app.add_typer(store.app, name="store")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(retention.app, name="retention")
app.add_typer(config.app, name="config")
app.command("partitions")(partitions.command)
app.add_typer(launches.app, name="launches")
app.command("launch")(launches.launch)
app.add_typer(backfills.app, name="backfill")
app.add_typer(dashboards.app, name="dashboards")
app.command("backtest")(backtest.command)
app.command("doctor")(doctor.command)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"trackside {version('trackside')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say and exit.")
    ] = False,
    _debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the code an error arose.")
    ] = False,
) -> None:
    """Options of all commands; `main` looks for --debug itself, for errors come after parsing."""
    logs.setup("warning")


def main() -> None:
    """Runs a command and turns what goes wrong into one line and an exit code."""
    try:
        app(prog_name="trackside")
    except TracksideError as error:
        if _debugging():
            raise
        for line in str(error).splitlines():
            err.print(f"[bold red]error:[/] {_plain(line)}", soft_wrap=True)
        sys.exit(_code(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if _debugging():
            raise
        err.print(f"[bold red]unexpected error:[/] {_plain(f'{type(error).__name__}: {error}')}")
        err.print("Say it again with [b]trackside --debug ...[/] to see where it arose.")
        sys.exit(1)


def _debugging() -> bool:
    return "--debug" in sys.argv


def _code(error: TracksideError) -> int:
    if isinstance(error, ConfigError):
        return 2
    return 3 if isinstance(error, Unavailable | Overloaded) else 1


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


if __name__ == "__main__":
    main()
