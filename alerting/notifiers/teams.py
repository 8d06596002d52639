"""Microsoft Teams, by a workflow that posts what a webhook request brings (Adaptive Cards).

All text stands in TextRuns, which Teams draws as they are: a TextBlock would read Markdown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from pydantic import Field

from alerting.notifiers.base import HttpNotifier, encode
from alerting.rendering import Section, headline, links, sections, sign
from hub.ports import Delivery, Finding, Grade, Json, NotifierConfig, SecretRef, Standing, notifiers

MAX_BODY_BYTES: Final = 28_000
_COLOURS: Final = {Standing.RESOLVED: "good", Standing.ACKNOWLEDGED: "warning"}


class TeamsConfig(NotifierConfig):
    """One workflow, which posts to one channel or chat."""

    url: SecretRef = Field(description="address of the workflow; it is a secret as a whole")


@notifiers.register("teams")
class Teams(HttpNotifier):
    Config: ClassVar[type[NotifierConfig]] = TeamsConfig
    keyed = False
    channel = "Teams"
    mend: ClassVar[Mapping[int, str]] = {
        400: "the workflow does not take it: make it anew from the template 'Post to a channel when "
        "a webhook request is received'",
        401: "set the workflow's trigger to 'Anyone'",
        404: "the workflow was deleted or turned off: make a new one, and set its address",
    }
    config: TeamsConfig

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        if held.get("version") == delivery.version:
            return held
        body = _fitting(delivery)
        headers = {"Content-Type": "application/json"}
        url = self.reveal(self.config.url)
        self.expect(self.ask("POST", url, content=body, headers=headers))
        return {"version": delivery.version}

    def check(self) -> Sequence[Finding]:
        """Whether something answers there: to tell more, it would have to post."""
        answer = self.ask("HEAD", self.reveal(self.config.url))
        return [Finding("url", Grade.GOOD, f"it answers ({answer.status} to HEAD)")]


def _fitting(delivery: Delivery) -> bytes:
    """The longest card that Teams takes."""
    for limit in (8000, 4000, 2000, 1000):
        body = encode(_message(delivery, limit))
        if len(body) <= MAX_BODY_BYTES:
            return body
    return encode(_message(delivery, 500))


def _message(delivery: Delivery, limit: int) -> Json:
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": _card(delivery, limit),
    }
    return {"type": "message", "attachments": [attachment]}


def _card(delivery: Delivery, limit: int) -> Json:
    colour = _COLOURS.get(delivery.standing, "attention")
    if delivery.message.blocks:
        colour = "default"
    title = {
        "type": "TextRun",
        "text": f"{sign(delivery)} {headline(delivery, 300)}",
        "size": "large",
        "weight": "bolder",
        "color": colour,
    }
    body = [{"type": "RichTextBlock", "inlines": [title]}]
    body += [_block(section) for section in sections(delivery.message, limit)]
    actions = [
        {"type": "Action.OpenUrl", "title": link.text, "url": link.url}
        for link in links(delivery.message)
    ]
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": headline(delivery, 300),
        "body": body,
        "actions": actions,
    }


def _block(section: Section) -> Json:
    label = {"type": "TextRun", "text": f"{section.label}: ", "weight": "bolder"}
    start = "" if len(section.lines) == 1 else "\n"
    text: Json = {"type": "TextRun", "text": start + section.text}
    if section.code:
        text["fontType"] = "monospace"
    return {"type": "RichTextBlock", "inlines": [label, text], "separator": section.code}
