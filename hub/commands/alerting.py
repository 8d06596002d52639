"""`trackside targets`, `routes` and `deliveries`: who is told of what, and whether it arrived."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, get_args
from urllib.parse import quote

import typer
import yaml
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
RouteName = Annotated[str, typer.Argument(help="Of the route.", metavar="ROUTE")]
PartFile = Annotated[str, typer.Argument(help="YAML or JSON; - is standard input.", metavar="FILE")]


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


@targets.command("declare")
def declare_target(
    name: Name, file: PartFile, config: ConfigFile = None, database_url: DatabaseUrl = None
) -> None:
    """Declare a target, or change it: what would stand in trackside.yaml, less its name.

    echo '{kind: slack, team: sales, settings: {token: "env:SALES_SLACK", channel: C0123456}}' |
      trackside targets declare sales-chat -
    """
    _declare("targets", name, file, config, database_url)


@targets.command("remove")
def remove_target(name: Name, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Take back a target that was declared over the API."""
    _remove("targets", name, config, database_url)


@routes.command("declare")
def declare_route(
    name: RouteName,
    file: PartFile,
    place: Annotated[int, typer.Option(min=0, help="The smaller, the earlier.")] = 0,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Declare a route, or change it; those of trackside.yaml are looked at first.

    echo '{match: {tag: gold}, to: [sales-pager]}' | trackside routes declare gold -
    """
    _declare("routes", name, file, config, database_url, place)


@routes.command("remove")
def remove_route(
    name: RouteName, config: ConfigFile = None, database_url: DatabaseUrl = None
) -> None:
    """Take back a route that was declared over the API."""
    _remove("routes", name, config, database_url)


@routes.command("list")
def list_routes(
    config: ConfigFile = None, database_url: DatabaseUrl = None, *, as_json: AsJson = False
) -> None:
    """List targets, routes, and what teams hear by, and where each is declared."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", "/api/v1/alerting/parts")
    if as_json:
        print_json(told)
        return
    lines = [
        (one["part"], escape(one["name"]), one["managedBy"] or escape(f"by {one['declaredBy']}"))
        for one in told["parts"]
    ]
    rows(("PART", "NAME", "DECLARED"), lines)
    if told["problem"]:
        out.print(f"not in force: {told['problem']}", markup=False, soft_wrap=True)


@routes.command("team")
def declare_team(
    name: Annotated[str, typer.Argument(help="Of the team.", metavar="TEAM")],
    file: PartFile,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Declare what a team hears by (targets, digest), and what it owns (owners, namespaces).

    echo '{targets: [sales-chat], digest: {at: "08:00"}}' | trackside routes team sales -
    """
    _declare("teams", name, file, config, database_url)


@routes.command("remove-team")
def remove_team(
    name: Annotated[str, typer.Argument(help="Of the team.", metavar="TEAM")],
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Take back what a team hears by, as it was declared over the API."""
    _remove("teams", name, config, database_url)


def _declare(
    part: str,
    name: str,
    file: str,
    config: str | None,
    database_url: str | None,
    place: int = 0,
) -> None:
    told = _read(file)
    with hub_at_work(load(config, database_url=database_url)) as hub:
        path = f"/api/v1/alerting/parts/{part}/{quote(name, safe='')}"
        hub.json("PUT", path, json={"told": told, "place": place})
    out.print(f"{part.removesuffix('s')} {name} is declared", markup=False)


def _remove(part: str, name: str, config: str | None, database_url: str | None) -> None:
    with hub_at_work(load(config, database_url=database_url)) as hub:
        hub.done("DELETE", f"/api/v1/alerting/parts/{part}/{quote(name, safe='')}")
    out.print(f"{part.removesuffix('s')} {name} is taken back", markup=False)


def _read(file: str) -> dict[str, Any]:
    """YAML or JSON, of a file or, if it is called -, of standard input."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        found = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(
            "FILE", file, "a file of YAML or JSON that can be read", str(error)
        ) from None
    if not isinstance(found, dict):
        raise BadInput("FILE", found, "a mapping, as in {kind: slack, settings: {...}}")
    return found


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
