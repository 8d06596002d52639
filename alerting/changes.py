"""What is said of a job that has changed, and to whom: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from alerting.plan import Plan
from hub.model import EntityName
from hub.ports import Block, JobChanged, Link, Message, Told, pages

LONGEST: Final = 500


def told_of(changed: Sequence[JobChanged], plan: Plan, public_url: str | None) -> Iterator[Told]:
    """Who wants to hear of changes hears of the jobs of its team, or, as nobody's, of all."""
    for one in changed:
        team = plan.owned(one.about).team
        targets = [
            name
            for name, target in plan.targets.items()
            if target.declared.changes and target.declared.team in (None, team)
        ]
        if targets:
            yield Told(_message(one, team, public_url), tuple(targets), one.about.team)


def _message(one: JobChanged, team: str | None, public_url: str | None) -> Message:
    what = "; ".join(one.what)
    title = f"{one.about.subject} has a new version" + (f": it {what}" if what else "")
    return Message(
        title=title[:LONGEST],
        severity="info",
        kind="job_version",
        rule="changes",
        subject=one.about.subject,
        team=team,
        since=one.at,
        opened_at=one.at,
        links=_links(one, public_url),
        blocks=[Block("What changed", list(one.what) or ["nothing that is told"])],
        change=True,
    )


def _links(one: JobChanged, public_url: str | None) -> list[Link]:
    about = one.about
    if public_url is None or about.namespace is None or about.job is None:
        return []
    page = pages.job(EntityName(about.namespace, about.job))
    return [Link("Job", f"{public_url.rstrip('/')}/{page}")]
