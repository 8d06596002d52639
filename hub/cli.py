"""The command line. What goes wrong on purpose is told in a line, what to do about it included.

Exit codes: 0 done, 1 it failed or something was found, 2 the command or the configuration is
wrong, 3 the store or the hub can't be reached, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from hub import logs
from hub.commands.common import err
from hub.errors import ConfigError, Overloaded, TracksideError, Unavailable

#: Where in hub/commands a command is, and what it does in a sentence.
COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "serve": ("serve:command", "Run the hub until it is told to stop (Ctrl-C or SIGTERM)."),
    "demo": ("demo:command", "Run the hub with a small made-up world to look at."),
    "migrate": ("migrate:command", "Bring the store to this release."),
    "token": ("token:app", "Make, list and revoke tokens."),
    "team": ("token:teams", "List teams, and say who sees what they own."),
    "orchestrators": ("orchestrators:app", "Connect orchestrators, and see how asking them goes."),
    "incidents": ("incidents:app", "See what is wrong, and say what it is."),
    "subscriptions": (
        "subscriptions:app",
        "Let updates of datasets launch jobs, and see why they did or did not.",
    ),
    "gate": ("gate:command", "Say whether a dataset is good to publish, and why."),
    "silences": (
        "silences:app",
        "Keep alerts back for a while; what is silenced is watched all the same.",
    ),
    "targets": ("alerting:targets", "Who can be told, and whether it works."),
    "routes": ("alerting:routes", "Who would hear of what, and why."),
    "deliveries": ("alerting:deliveries", "What was told, and what did not arrive."),
    "rules": ("rules:app", "See, check and understand rules."),
    "schedules": ("schedules:app", "When jobs are meant to run."),
    "sensors": (
        "sensors:app",
        "Files, rows, values and times outside that become updates of datasets.",
    ),
    "cron": ("cron:app", "Crontabs, systemd timers and CronJobs: watch what they run."),
    "exec": (
        "exec:command",
        "Run a command and tell the hub how it went, whether or not it is there.",
    ),
    "checks": ("checks:app", "What dbt, Great Expectations and Soda found, as checks of datasets."),
    "heartbeats": ("heartbeats:app", "Jobs that tell of their runs by pinging a URL."),
    "maintenance": ("maintenance:app", "Times in which nothing that is missing is told."),
    "forward": ("forward:app", "Lineage events that are sent on to other consumers."),
    "events": ("events:app", "Export and import raw lineage events."),
    "store": ("store:app", "Move, back up and restore a store."),
    "dead-letters": ("dead_letters:app", "Look at, replay and drop dead letters."),
    "retention": ("retention:app", "See and delete what is too old."),
    "config": ("config:app", "Check, show and describe the settings."),
    "partitions": (
        "partitions:command",
        "Show how the partitions of a dataset stand: complete, failed, running, missing or stale.",
    ),
    "launches": ("launches:app", "What is to be started where, and what became of it."),
    "offers": (
        "offers:app",
        "To whom datasets are offered, who depends on them, which are to end.",
    ),
    "grants": ("grants:app", "Who may launch which jobs of others."),
    "backfill": ("backfills:app", "Make partitions anew, across orchestrators."),
    "launch": ("launches:launch", "Start one run of a job."),
    "advise": (
        "advise:command",
        "Name anti-patterns that the metadata shows, with evidence and what to do instead.",
    ),
    "dashboards": ("dashboards:app", "Grafana dashboards and Prometheus rules."),
    "backtest": (
        "backtest:command",
        "Replay what a store keeps through rules, and tell what they would have told.",
    ),
    "conformance": (
        "conformance:command",
        "Try whether an engine of your own speaks as the hub understands it.",
    ),
    "doctor": (
        "doctor:command",
        "Look whether all is well; exit 1 if something is not, with what to do about it.",
    ),
}


class Later(TyperCommand):
    """A command that is imported when it is run: most of them need little of the hub."""

    def __init__(self, name: str, place: str, does: str) -> None:
        super().__init__(name, help=does)
        self._place = place

    def loaded(self) -> TyperCommand | TyperGroup:
        module, attribute = self._place.split(":")
        found = getattr(import_module(f"hub.commands.{module}"), attribute)
        if isinstance(found, TyperCommand):
            return found
        if isinstance(found, typer.Typer):
            return typer.main.get_group(found)
        alone = typer.Typer(add_completion=False)
        alone.command(self.name)(found)
        command = typer.main.get_command(alone)
        assert isinstance(command, TyperCommand)
        return command

    def make_context(self, *told: Any, **options: Any) -> Any:
        return self.loaded().make_context(*told, **options)


class Commands(TyperGroup):
    """All of them, by name."""

    def __init__(self, **options: Any) -> None:
        options["commands"] = {name: Later(name, *told) for name, told in COMMANDS.items()}
        super().__init__(**options)


app = typer.Typer(
    name="trackside",
    cls=Commands,
    help="Trackside stands beside the tracks: it sees every run of your orchestrators, tells who "
    "must know, and can start the next one.\n\nBegin with:  trackside serve",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
