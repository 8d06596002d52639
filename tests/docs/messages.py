"""docs/alerting: messages as each channel shows them, made by the notifiers: python -m tests.docs.messages"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from msgspec import Struct

import alerting.notifiers
from hub.ports import notifiers
from tests.support.channels import blocks, teams
from tests.support.channels.alertmanager import FakeAlertmanager
from tests.support.channels.grafana import FakeGrafana
from tests.support.channels.opsgenie import FakeOpsgenie
from tests.support.channels.pagerduty import FakePagerDuty
from tests.support.channels.receivers import FakeJson, FakeReceiver
from tests.support.channels.slack import FakeSlack, FakeSlackWebhook
from tests.support.channels.smtp import FakeSmtp
from tests.support.channels.teams import FakeTeams
from tests.support.messages import at, opened
from tests.support.told import digest, every_kind, life

FOLDER = Path(__file__).parents[2] / "docs" / "alerting"
MADE = "Made by `python -m tests.docs.messages`."
STEPS = ["opened", "escalated", "acknowledged", "resolved"]
Read = Callable[[Any], str]


class Channel(Struct, frozen=True):
    """intro: what is shown on the page. read: what the channel shows last."""

    title: str
    intro: str
    fake: Callable[[], Any]
    read: Read


def _slack(fake: FakeSlack) -> str:
    message = fake.roots[-1]
    replies = [each for each in fake.replies if each.thread_ts == message.ts]
    told = [f"  ↳ {'(in the channel too) ' if r.broadcast else ''}{r.text}" for r in replies]
    return "\n".join([*blocks.read(message.blocks), *told])


def _pagerduty(fake: FakePagerDuty) -> str:
    event = json.loads(fake.requests[-1].body) | {"routing_key": "..."}
    return _yaml(event)


def _email(fake: FakeSmtp) -> str:
    mail = fake.mails[-1]
    head = [f"{name}: {mail[name]}" for name in ("Subject", "From", "To", "References")]
    return "\n".join([*head, "", fake.text(-1).rstrip()])


def _grafana(fake: FakeGrafana) -> str:
    annotation = list(fake.annotations.values())[-1]
    text = unescape(re.sub(r"<[^>]*>", "", annotation["text"].replace("<br>", "\n")))
    return f"{text}\n\ntags: {', '.join(annotation['tags'])}"


def _opsgenie(fake: FakeOpsgenie) -> str:
    request = fake.requests[-1]
    body = json.loads(request.body)
    return f"POST {request.path}\n" + _yaml(body)


def _yaml(value: Any) -> str:
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as such."""


def _as_lines(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _as_lines)

SEEN = "As a person sees them there."
CHANNELS = {
    "pagerduty": Channel(
        "PagerDuty",
        "The events as they are sent, written as YAML.",
        FakePagerDuty,
        _pagerduty,
    ),
    "slack": Channel(
        "Slack",
        f"{SEEN} The message is edited in place; what happened stands in its thread (↳).",
        lambda: FakeSlack(clock=at(4).timestamp()),
        _slack,
    ),
    "slack_webhook": Channel(
        "Slack, by an incoming webhook",
        f"{SEEN} Each change is a new message.",
        FakeSlackWebhook,
        lambda fake: "\n".join(blocks.read(fake.messages[-1]["blocks"])),
    ),
    "webhook": Channel(
        "Webhook",
        "The bodies as they are sent.",
        lambda: FakeReceiver(at(60)),
        lambda fake: json.dumps(fake.bodies[-1], indent=2, ensure_ascii=False),
    ),
    "alertmanager": Channel(
        "Alertmanager",
        "The alerts as they are sent, written as YAML.",
        FakeAlertmanager,
        lambda fake: _yaml(json.loads(fake.requests[-1].body)),
    ),
    "opsgenie": Channel(
        "Opsgenie", "The requests as they are sent, written as YAML.", FakeOpsgenie, _opsgenie
    ),
    "grafana": Channel(
        "Grafana", "As the annotation reads when the mouse stands on it.", FakeGrafana, _grafana
    ),
    "teams": Channel(
        "Microsoft Teams",
        f"{SEEN} Each change is a new card.",
        FakeTeams,
        lambda fake: "\n".join(teams.read(fake.cards[-1])),
    ),
    "email": Channel(
        "Mail",
        "The text part, with the headers that keep a conversation together. "
        "The HTML part of the first one: [email.html](email.html).",
        FakeSmtp,
        _email,
    ),
    "apprise": Channel(
        "apprise",
        "Title and body as apprise is given them.",
        FakeJson,
        lambda fake: f"{fake.notices[-1]['title']}\n\n{fake.notices[-1]['message']}",
    ),
}


def pages() -> Iterator[tuple[str, str]]:
    """Each file's name and content."""
    alerting.notifiers.load()
    for kind, channel in CHANNELS.items():
        with channel.fake() as fake, patch.dict(os.environ, fake.secrets()):
            yield f"{kind}.md", _page(kind, channel, fake)
            if kind == "email":
                yield "email.html", "\n".join(fake.text(0, "html").splitlines()) + "\n"


def _page(kind: str, channel: Channel, fake: Any) -> str:
    notifier: Any = notifiers.get(kind)
    config = notifier.Config.model_validate(fake.settings())
    target = notifier(config, "docs", allowed=["127.0.0.1"], clock=lambda: at(60))
    told = [
        f"# Messages: {channel.title}",
        f"{channel.intro} {MADE} How to set it up: [notifiers](../how-to/notifiers.md#{kind}).",
    ]
    held: dict[str, Any] = {}
    for step, delivery in zip(STEPS, life(), strict=True):
        held = target.deliver(delivery, held)
        told.append(_shown(f"failed_run, {step}", channel.read(fake)))
    for name, message in every_kind().items():
        if name != "failed_run":
            target.deliver(opened(message, name), {})
            told.append(_shown(name, channel.read(fake)))
    if notifier.digests:
        target.deliver(opened(digest(), "digest-12"), {})
        told.append(_shown("digest", channel.read(fake)))
    target.close()
    return "\n\n".join(told) + "\n"


def _shown(title: str, text: str) -> str:
    text = "\n".join(line.rstrip() for line in text.rstrip().splitlines())
    return f"## {title}\n\n```text\n{text}\n```"


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    for name, content in pages():
        (FOLDER / name).write_text(content)
