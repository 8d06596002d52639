"""Messages as they are told: real verdicts of the rules on `scenes`, through the incident's steps and
`message_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from alerting.declared import DeclaredDigest
from alerting.digest import digest_of
from alerting.message import message_of
from alerting.plan import Digest, Plan
from hub import incidents, rules
from hub.evaluate.book import PACK
from hub.evaluate.telling import KIND as TARGET_DOWN
from hub.evaluate.telling import RULE as TARGET_RULE
from hub.evaluate.telling import verdict_on
from hub.model import (
    EntityName,
    Incident,
    Resolution,
    Step,
)
from hub.ports import (
    About,
    Delivery,
    Happening,
    Health,
    Member,
    Message,
    Notification,
    NotificationState,
    Period,
    RunTold,
    Standing,
)
from hub.rules.base import (
    DatasetSeen,
    OrchestratorSeen,
    Status,
    Verdict,
    kinds,
)
from tests.support.scenes import FAILED, HUB, SCENES, TRACE, Scene, at, job, run

# -- from what is seen to what is told ---------------------------------------------------------


def verdict_of(scene: Scene) -> Verdict:
    """The first that says that something is wrong."""
    rules.load()
    kind = kinds.get(scene.kind)
    judged = kind(kind.Config.model_validate(scene.settings)).judge(scene.seen, scene.as_of)
    return next(one for one in judged.verdicts if one.status is Status.VIOLATED)


def target_down() -> Verdict:
    error = "Slack refused it: invalid_auth; set a new bot token as `token`"
    return verdict_on(Health(name="sales-chat", error=error, down_since=at(-2)))


def about(scene: Scene) -> About:
    named = next((one for one in PACK if one.kind == scene.kind and not scene.settings), None)
    name = scene.seen.name
    of: dict[str, Any] = {"namespace": name.namespace, "job": name.name}
    if isinstance(scene.seen, DatasetSeen):
        of = {"namespace": name.namespace, "dataset": name.name}
    elif isinstance(scene.seen, OrchestratorSeen):
        of = {}
    return About(
        rule=named.name if named else scene.kind.replace("_", "-"),
        kind=scene.kind,
        severity=named.severity if named else "error",
        team=scene.team,
        orchestrator=scene.orchestrator,
        **of,
    )


def opened(verdict: Verdict, severity: str, now: datetime) -> Step:
    made = incidents.step(None, verdict, now, incidents.Terms(severity=severity))
    assert made is not None
    return made


def member(number: int, its: About, steps: Sequence[tuple[datetime, Step, str | None]]) -> Member:
    """The incident after these steps, with all that was said."""
    last: Incident = steps[-1][1].incident
    standing = {"ACKNOWLEDGED": Standing.ACKNOWLEDGED, "RESOLVED": Standing.RESOLVED}
    return Member(
        id=number,
        about=replace(its, severity=last.severity),
        state=last.state,
        standing=standing.get(last.state, Standing.OPEN),
        reason=last.reason,
        evidence=last.evidence,
        since=last.since,
        opened_at=last.opened_at,
        resolved_at=last.resolved_at,
        steps=[(when, str(one.transition), one.reason, by) for when, one, by in steps],
    )


def of_scene(scene: Scene, number: int) -> Member:
    its = about(scene)
    first = opened(verdict_of(scene), its.severity, scene.as_of)
    return known(scene, member(number, its, [(scene.as_of, first, None)]))


def known(scene: Scene, one: Member) -> Member:
    """With what the hub knows besides."""
    return replace(
        one,
        cause=scene.cause,
        hit=scene.hit,
        hidden=scene.hidden,
        run=scene.run or _run_of(one),
        runs=scene.runs,
    )


def _run_of(one: Member) -> RunTold | None:
    """The run that the evidence names."""
    about = one.about
    if "run" not in one.evidence or about.namespace is None or about.job is None:
        return None
    return RunTold(
        id=f"0190a7c0-5d1e-7000-8000-{one.id:012}",
        job=EntityName(about.namespace, about.job),
        orchestrator=about.orchestrator,
        url=one.evidence.get("url"),
        has_log=True,
    )


def told(*members: Member, group: str | None = None, counts: int | None = None) -> Message:
    standing = members[0].standing
    return message_of(
        Notification(
            id=1,
            key="1",
            route="all",
            targets=(),
            group=group,
            state=NotificationState.TOLD,
            standing=None,
            version=1,
            loud=False,
            begun_at=members[0].opened_at,
            told_at=None,
            said_at=None,
            repeated_at=None,
            steps=0,
            counts={standing: counts or len(members)},
            members=members,
        ),
        HUB,
    )


# -- what is shown -----------------------------------------------------------------------------


def life() -> list[Delivery]:
    """Of the run that failed: open, escalated, acknowledged, over."""
    terms = incidents.Terms(
        severity="error", escalate=incidents.Escalation(after_s=480, to="critical")
    )
    first = incidents.step(None, verdict_of(FAILED), at(-3), terms)
    assert first is not None
    worse = incidents.pass_time(first.incident, at(5), terms)
    assert isinstance(worse, Step)
    taken = incidents.acknowledge(worse.incident, "on it: the pool is full", at(15))
    assert taken is not None
    healed = "run scheduled__2026-11-25T02:20 completed"
    over = incidents.resolve(taken.incident, Resolution.HEALED, healed, at(52))
    steps = [
        (at(-3), first, None),
        (at(5), worse, None),
        (at(15), taken, "ana"),
        (at(52), over, None),
    ]
    found = [known(FAILED, member(4711, about(FAILED), steps[: n + 1])) for n in range(len(steps))]
    return [
        Delivery("incident-4711", n, one.standing, told(one), loud=n == 2)
        for n, one in enumerate(found, 1)
    ]


def every_kind() -> dict[str, Message]:
    """A message of each kind of rule, of a target that is down, and of a group."""
    found = {one.kind: told(of_scene(one, 4711 + n)) for n, one in enumerate(SCENES)}
    its = About(rule=TARGET_RULE, kind=TARGET_DOWN, severity="error", target="sales-chat")
    down = opened(target_down(), "error", at(0))
    found[TARGET_DOWN] = told(member(4790, its, [(at(0), down, None)]))
    found["group"] = told(*_group(), group="failed-run", counts=214)
    return found


def _group() -> list[Member]:
    names = [f"mart.build_{n:02}" for n in range(1, 12)]
    scenes = [
        replace(FAILED, seen=job(name, run(-7, -3, TRACE)), run=None, runs=()) for name in names
    ]
    return [of_scene(one, 4800 + n) for n, one in enumerate(scenes)]


def digest() -> Message:
    """What a team hears in the morning."""
    morning, since = at(5 * 60), at(-19 * 60)
    asked = DeclaredDigest.model_validate({"at": "08:00", "timezone": "Europe/Berlin"})
    made = digest_of(
        Digest("team data-platform", ("chat",), asked, team="data-platform"),
        Period(since, morning, _happened()),
        Plan(),
        HUB,
    )
    assert made is not None
    return made


def _happened() -> list[Happening]:
    wrong = [one for one in SCENES if one.team == "data-platform"]
    found = []
    for number, scene in enumerate(wrong):
        one = of_scene(scene, 4711 + number)
        over = number not in (0, 2)
        found.append(
            Happening(
                id=one.id,
                about=one.about,
                reason=one.reason,
                opened_at=one.opened_at,
                resolved_at=one.opened_at + timedelta(minutes=4 * number) if over else None,
                resolution=(Resolution.EXPECTED if number == 1 else Resolution.HEALED)
                if over
                else None,
                told=True,
                acknowledged=number % 2 == 0,
                breaches=[hit for hit in one.hit if hit.breach_at is not None],
            )
        )
    return found
