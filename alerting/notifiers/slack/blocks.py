"""A message as Block Kit.

All that comes from outside stands in elements of plain or rich text, which Slack draws as they
are: there is no markup in them to escape, and nobody can be called by a job's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from alerting.notifiers.base import short
from alerting.rendering import Section, cut, fit, headline, in_slack, links, sections, sign
from hub.ports import Delivery, Json, Link, Standing

MAX_HEADER: Final = 150
MAX_BLOCK_ID: Final = 255
MAX_TEXT: Final = 3000
MAX_FALLBACK: Final = 500
#: How much text a message may hold, from what Slack takes to what it takes for certain.
ROOMS: Final = (8000, 2500, 800)

PREFIX: Final = "trackside_"
_SNOOZES: Final = {"1h": "for 1 hour", "4h": "for 4 hours", "24h": "for 24 hours"}
_SILENCES: Final = {"1h": "for 1 hour", "24h": "for a day", "168h": "for a week"}


def fallback(delivery: Delivery) -> str:
    """What the phone shows, and those who can't draw blocks."""
    text = f"{sign(delivery)} {headline(delivery, MAX_FALLBACK)}"
    return in_slack(text)


def blocks(delivery: Delivery, room: int = ROOMS[0], *, buttons: bool = False) -> list[Json]:
    """At most a dozen blocks."""
    title = f"{sign(delivery)} {headline(delivery)}"
    found: list[Json] = [{"type": "header", "text": _plain(cut(title, MAX_HEADER))}]
    if len(title) > MAX_HEADER:
        found.append({"type": "section", "text": _plain(cut(title, 1000))})
    found += [_rich(section) for section in sections(delivery.message, room)]
    told = links(delivery.message)
    if actions := (_buttons(delivery) if buttons else []) + _opens(told):
        found.append({"type": "actions", "block_id": _id(delivery), "elements": actions})
    return found


def _id(delivery: Delivery) -> str:
    """The key, so that a click tells what it is about."""
    return short(delivery.key, MAX_BLOCK_ID)


def _rich(section: Section) -> Json:
    section = fit([section], MAX_TEXT)[0]
    label = {"type": "text", "text": section.label, "style": {"bold": True}}
    if section.code:
        head = {"type": "rich_text_section", "elements": [label]}
        text = {"type": "text", "text": section.text}
        body = {"type": "rich_text_preformatted", "elements": [text]}
        return {"type": "rich_text", "elements": [head, body]}
    start = "  " if len(section.lines) == 1 else "\n"
    text = {"type": "text", "text": start + section.text}
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [label, text]}],
    }


def _buttons(delivery: Delivery) -> list[Json]:
    """What can be asked for as it stands."""
    if delivery.message.blocks:
        return []
    if delivery.standing is Standing.RESOLVED:
        return [_button("expected", "Was expected"), _button("new_normal", "New normal")]
    acknowledge = [_button("acknowledge", "Acknowledge", style="primary")]
    return [
        *(acknowledge if delivery.standing is Standing.OPEN else []),
        _choice("snooze", "Snooze", _SNOOZES),
        _button("expected", "Expected"),
        _button("new_normal", "New normal"),
        _choice("silence", "Silence", _SILENCES),
    ]


def _button(name: str, text: str, **more: str) -> Json:
    return {"type": "button", "action_id": PREFIX + name, "text": _plain(text)} | more


def _choice(name: str, text: str, options: dict[str, str]) -> Json:
    return {
        "type": "static_select",
        "action_id": PREFIX + name,
        "placeholder": _plain(text),
        "options": [{"text": _plain(told), "value": value} for value, told in options.items()],
    }


def _opens(told: Sequence[Link]) -> list[Json]:
    """Slack reports clicks on these too; they ask for nothing."""
    return [
        {
            "type": "button",
            "action_id": f"open_{number}",
            "text": _plain(link.text),
            "url": link.url,
        }
        for number, link in enumerate(told)
        if len(link.url) <= 3000
    ]


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": False}
