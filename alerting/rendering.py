"""What a message says, as sections of plain text in the order in which they are read.

Channels draw sections in their own way. Names and error texts come from outside: they are cleaned
here, and every channel draws them as text, where nothing in them can become markup or a mention.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from hub.ports import Block, Delivery, Link, Message, Standing, Update, WhoIsHit
from hub.ports.texts import cut_middle

HITS: Final = 10
UPDATES: Final = 5
ERROR_CHARS: Final = 1500
LINKS: Final = 5
_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # of terminals
_MENTION: Final = re.compile(r"(?<=@)(?=\w)|(?<=<)(?=[!@#&])")

DIGEST: Final = ("📋", "DIGEST")
SIGNS: Final = {"critical": "🔴", "error": "🔴", "warning": "🟠", "info": "🔵"}
STATES: Final = {
    Standing.ACKNOWLEDGED: ("🟡", "ACKNOWLEDGED"),
    Standing.RESOLVED: ("🟢", "RESOLVED"),
}


class Section(Struct, frozen=True):
    """rank: the smaller, the longer it is kept where room is short. code: drawn as it stands."""

    label: str
    lines: Sequence[str]
    rank: int
    code: bool = False

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def __len__(self) -> int:
        return (
            len(self.label) + 3 + sum(len(line) + 3 for line in self.lines)
        )  # as `plain` draws it


def sign(delivery: Delivery) -> str:
    """One coloured dot."""
    state = DIGEST if delivery.message.blocks else STATES.get(delivery.standing)
    return state[0] if state else SIGNS.get(delivery.message.severity, "🔴")


def state(delivery: Delivery) -> str:
    """One word: the severity while it is open, else what became of it; of a digest that it is one."""
    known = DIGEST if delivery.message.blocks else STATES.get(delivery.standing)
    return known[1] if known else one_line(delivery.message.severity).upper()


def headline(delivery: Delivery, limit: int = 1000) -> str:
    """What is wrong, in one line that starts with the state."""
    return cut(f"{state(delivery)}: {one_line(delivery.message.title)}", limit)


def sections(message: Message, limit: int = 8000) -> list[Section]:
    """All that is known, in reading order, in at most `limit` characters."""
    if message.blocks:
        return fit([_block(each, rank) for rank, each in enumerate(message.blocks)], limit)
    told = [
        Section("Since", [_since(message)], 1),
        Section("Cause", _lines(message.cause), 2),
        Section("Who is hit", _hits(message), 3),
        Section("What to do", [] if message.resolved_at else _lines(message.advice), 4),
        Section("Last error", _error(message), 5, code=True),
        Section("Latest runs", _lines(message.trend), 6),
        Section("What happened", updates(message.updates[-UPDATES:]), 8),
        Section("Rule", [_rule(message)], 7),
    ]
    return fit([each for each in told if each.lines], limit)


def fit(told: Sequence[Section], limit: int) -> list[Section]:
    """Sections cut to a total of `limit` characters, what matters least first."""
    kept: list[Section] = []
    left = limit
    for section in sorted(told, key=lambda section: section.rank):
        if shorter := _within(section, left):
            kept.append(shorter)
            left -= len(shorter)
    order = [section.label for section in told]
    return sorted(kept, key=lambda section: order.index(section.label))


def links(message: Message) -> list[Link]:
    """Those that can be opened in a browser."""
    good = [link for link in message.links if re.match(r"https?://[^\s<>\"]+$", link.url)]
    return [Link(cut(one_line(link.text), 70) or "Open", link.url) for link in good[:LINKS]]


def updates(steps: Iterable[Update]) -> list[str]:
    """One line each."""
    return [
        f"{clock(step.at)} {one_line(step.text)}" + (f" ({one_line(step.by)})" if step.by else "")
        for step in steps
    ]


def plain(delivery: Delivery, limit: int = 8000) -> str:
    """The whole message as lines of text."""
    head = headline(delivery, min(1000, limit))
    told = [f"{link.text}: {link.url}" for link in links(delivery.message)]
    foot = "\n".join(told)
    if len(head) + len(foot) + 200 > limit:
        foot = ""
    room = limit - len(head) - len(foot) - 4
    body = "\n".join(_plain_section(each) for each in sections(delivery.message, room))
    return "\n\n".join(part for part in (head, body, foot) if part)


def one_line(text: str | None) -> str:
    return " ".join(clean(text or "").split())


def clean(text: str) -> str:
    """Without colours of terminals, control characters and what turns the direction of text."""
    text = _COLOURS.sub("", text.replace("\r\n", "\n"))
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + "…"


def in_html(text: str) -> str:
    return html.escape(clean(text), quote=True)


def in_slack(text: str) -> str:
    """Slack's own escapes: what is left can be neither link nor mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def without_mentions(text: str) -> str:
    """For channels whose rules are unknown: @all and <!here> are broken by a space without width."""
    return _MENTION.sub("\N{ZERO WIDTH SPACE}", text)


def moment(at: datetime, beside: datetime | None = None) -> str:
    """With its day, unless it stands beside another moment of the same day."""
    at = at.astimezone(UTC)
    if beside and beside.astimezone(UTC).date() == at.date():
        return f"{at:%H:%M} UTC"
    return f"{at:%a %d %b %H:%M} UTC"


def clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M}"


def duration(length: timedelta) -> str:
    """In two units at most: 3 d 4 h, 2 h 5 min, 7 min."""
    minutes = max(0, round(length.total_seconds() / 60))
    days, hours = minutes // 1440, minutes % 1440 // 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{minutes} min"


def _block(block: Block, rank: int) -> Section:
    lines = [one for line in block.lines if (one := one_line(line))]
    return Section(one_line(block.label), lines, rank)


def _since(message: Message) -> str:
    if message.resolved_at:
        lasted = duration(message.resolved_at - message.since)
        end = moment(message.resolved_at, message.since)
        return f"{moment(message.since)} to {end} ({lasted})"
    if abs(message.opened_at - message.since) < timedelta(minutes=1):
        return moment(message.since)
    return f"{moment(message.since)}, noticed {moment(message.opened_at, message.since)}"


def _hits(message: Message) -> list[str]:
    """The first ones, and how many more."""
    more = len(message.hit[HITS:]) + message.hidden
    told = [_hit(each, message) for each in message.hit[:HITS]]
    return [*told, f"and {more:,} more"] if more else told


def _hit(hit: WhoIsHit, message: Message) -> str:
    """What was predicted is of no use once it is over."""
    who = one_line(hit.name) + (f" (team {one_line(hit.team)})" if hit.team else "")
    if hit.breach_at is None or message.resolved_at:
        return who
    how_likely = "" if hit.probability is None else f" ({hit.probability:.0%} likely)"
    return f"{who}: late at {moment(hit.breach_at, message.opened_at)}{how_likely}"


def _error(message: Message) -> list[str]:
    text = clean(message.error or "").strip()
    return cut_middle(text, ERROR_CHARS).split("\n") if text else []


def _rule(message: Message) -> str:
    kind = "" if message.kind == message.rule else f" ({one_line(message.kind)})"
    team = f", team {one_line(message.team)}" if message.team else ""
    told = f"{one_line(message.rule)}{kind} on {one_line(message.subject)}{team}"
    return f"{told}; {message.count:,} incidents" if message.count > 1 else told


def _lines(text: str | None) -> list[str]:
    return [each for line in clean(text or "").split("\n") if (each := one_line(line))]


def _plain_section(section: Section) -> str:
    if len(section.lines) == 1 and not section.code:
        return f"{section.label}: {section.lines[0]}"
    return "\n".join([f"{section.label}:", *(f"  {line}" for line in section.lines)])


def _within(section: Section, room: int) -> Section | None:
    """The section if there is room for it, what fits of it, or nothing."""
    if len(section) <= room:
        return section
    lines: list[str] = []
    left = room - len(section.label) - 3
    for line in section.lines:
        if left < 40:
            break
        lines.append(cut(line, left - 3))
        left -= len(lines[-1]) + 3
    return replace(section, lines=lines) if lines else None
