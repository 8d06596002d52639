"""`trackside targets`, `routes` and `deliveries`: who is told of what, and whether it arrived."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, get_args

import typer
from rich.markup import escape

from hub.commands.client import hub_at_work
from hub.commands.common import (
    AsJson,
    ConfigFile,
    DatabaseUrl,
    ago,
    clock,
    load,
    out,
    print_json,
    rows,
)
from hub.commands.incidents import before
from hub.errors import BadInput
from hub.model import IncidentSeverity
from hub.ports import About
from hub.telling import hearing_in

targets = typer.Typer(help="Who can be told, and whether it works.", no_args_is_help=True)
routes = typer.Typer(help="Who would hear of what, and why.", no_args_is_help=True)
deliveries = typer.Typer(help="What was told, and what did not arrive.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Of the target.", metavar="TARGET")]


@targets.command("list")
def list_targets(
    config: ConfigFile = None, database_url: DatabaseUrl = None, *, as_json: AsJson = False
) -> None:
    """List the targets of trackside.yaml and how each does."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", "/api/v1/targets")
    if as_json:
        print_json(told)
        return
    lines = [
        (
            escape(one["name"]),
            one["kind"],
            one["team"],
            one["severity"],
            clock(one["deliveredAt"]),
            f"down since {clock(one['downSince'])}" if one["downSince"] else "",
            escape(one["error"] or ""),
        )
        for one in told["targets"]
    ]
    rows(("TARGET", "KIND", "TEAM", "FROM", "LAST DELIVERY", "", "ERROR"), lines)


@targets.command("test")
def try_target(name: Name, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Send a message that says it is a test. Exit 1 if it is not taken."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("POST", f"/api/v1/targets/{name}/test")
    for each in told["findings"]:
        told_of = ". ".join(filter(None, (each["detail"], each["mend"])))
        out.print(f"{each['grade']}: {each['what']} {told_of}", markup=False, soft_wrap=True)
    if told["error"]:
        out.print(f"not taken: {told['error']}", markup=False, soft_wrap=True)
        raise typer.Exit(1)
    out.print(f"{name} has taken it: look there for a message that says it is a test")


@deliveries.command("list")
def list_deliveries(
    target: Annotated[str | None, typer.Option(help="To this target.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    dead: Annotated[bool, typer.Option("--dead", help="Only those given up.")] = False,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what is to be sent.")] = False,
    as_json: AsJson = False,
) -> None:
    """List deliveries, the latest first."""
    asked = {"limit": limit, "target": target, "dead": dead or None, "waiting": waiting or None}
    given = {name: value for name, value in asked.items() if value is not None}
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", "/api/v1/deliveries", params=given)
    if as_json:
        print_json(told)
        return
    now = datetime.now(UTC)
    lines = [_delivery(one, now) for one in told["deliveries"]]
    rows(("ID", "SINCE", "TARGET", "SHOULD SHOW", "SHOWS", "WHAT", "ERROR"), lines)


@deliveries.command()
def resend(
    number: Annotated[int | None, typer.Argument(help="Its id.", metavar="ID")] = None,
    target: Annotated[
        str | None, typer.Option(help="All that were given up, of this target.")
    ] = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Send again what a target should show.

    trackside deliveries resend --target sales-chat
    """
    if (number is None) == (target is None):
        raise BadInput("ID", number, "either an id or --target")
    with hub_at_work(load(config, database_url=database_url)) as hub:
        if target is not None:
            told = hub.json("POST", f"/api/v1/targets/{target}/resend")
            out.print(f"{told['deliveries']} are sent again")
            return
        hub.json("POST", f"/api/v1/deliveries/{number}/resend")
    out.print(f"delivery {number} is sent again")


@deliveries.command()
def quality(
    since: Annotated[str, typer.Option(help="From then on: 7d, 4w, 2026-11-01.")] = "4w",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Tell how good the alerts are: how often teams were told, and which rules are noisy."""
    begin = before(since, "--since", datetime.now(UTC))
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", "/api/v1/alerting/quality", params={"since": begin})
    if as_json:
        print_json(told)
        return
    rows(
        ("TEAM", "A WEEK", "INCIDENTS", "ACKNOWLEDGED", "OVER IN 5 MIN"),
        [
            (
                escape(one["team"] or "nobody's"),
                one["perWeek"],
                one["incidents"],
                f"{one['acknowledged']:.0%}",
                f"{one['selfResolved']:.0%}",
            )
            for one in told["teams"]
        ],
    )
    out.print()
    rows(
        ("RULE", "INCIDENTS", "WHAT TO CHANGE"),
        [(escape(one["rule"]), one["incidents"], one["suggestion"]) for one in told["rules"]],
    )


@routes.command("test")
def explain_routes(
    incident: Annotated[int | None, typer.Option(help="Of this incident.")] = None,
    node: Annotated[
        str | None, typer.Option(help="job:<namespace>:<name> or dataset:<namespace>:<name>.")
    ] = None,
    team: Annotated[str | None, typer.Option(help="Without a hub: the team that owns it.")] = None,
    owner: Annotated[list[str] | None, typer.Option(help="Without a hub: its owner.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Without a hub.")] = None,
    job: Annotated[str | None, typer.Option(help="Without a hub.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Without a hub.")] = None,
    orchestrator: Annotated[str | None, typer.Option(help="Without a hub.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Without a hub.")] = None,
    rule: Annotated[str, typer.Option(help="The rule that opens it.")] = "failed-run",
    kind: Annotated[str, typer.Option(help="Of the rule.")] = "failed_run",
    severity: Annotated[str, typer.Option(help="info, warning, error or critical.")] = "error",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Tell who would hear of an incident, and why.

    Of one that is there, or of a job, a running hub is asked. By attributes alone it is
    trackside.yaml that is tried, also before it is deployed:

    trackside routes test --config new.yaml --team sales --severity critical
    """
    if severity not in get_args(IncidentSeverity):
        raise BadInput("--severity", severity, "info, warning, error or critical")
    settings = load(config, database_url=database_url)
    if incident is not None or node is not None:
        asked = {"incident": incident, "nodeId": node, "rule": rule, "kind": kind,
                 "severity": severity}  # fmt: skip
        given = {name: value for name, value in asked.items() if value is not None}
        with hub_at_work(settings) as hub:
            told = hub.json("GET", "/api/v1/routes/test", params=given)
        _heard(told["why"], told["targets"])
        return
    about = About(
        rule=rule,
        kind=kind,
        severity=severity,
        team=team,
        owners=tuple(owner or ()),
        orchestrator=orchestrator,
        namespace=namespace,
        job=job,
        dataset=dataset,
        tags=frozenset(tag or ()),
    )
    found = hearing_in(settings, about)
    _heard(found.why, found.targets)


def _heard(why: Sequence[str], names: Sequence[str]) -> None:
    for line in why:
        out.print(line, markup=False, soft_wrap=True)
    out.print(f"\n{', '.join(names) or 'nobody'} would hear of it", markup=False, soft_wrap=True)


def _delivery(one: dict[str, Any], now: datetime) -> tuple[str, ...]:
    wanted = one["wanted"].lower()
    shows = (one["delivered"] or "nothing").lower()
    state = "given up" if one["dead"] else f"at {clock(one['nextAt'])}" if one["nextAt"] else ""
    return (
        str(one["id"]),
        f"{ago(one['createdAt'], now)} ago",
        escape(one["target"]),
        wanted,
        f"{shows} {state}".strip(),
        escape(one["title"]),
        escape(one["error"] or ""),
    )
