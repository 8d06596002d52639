"""Clicks on buttons: verified, and as what people ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qs

from alerting.notifiers.base import signed
from alerting.notifiers.slack.blocks import PREFIX
from hub.errors import BadInput, Unauthorized
from hub.ports import Action, Json, WhatToDo

#: What Slack itself recommends.
MAX_AGE_S: Final = 300
MAX_HOURS: Final = 24 * 31


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Unauthorized, unless Slack signed this within five minutes."""
    timestamp = headers.get("x-slack-request-timestamp", "")
    if not timestamp.isdecimal() or abs(now.timestamp() - int(timestamp[:12])) > MAX_AGE_S:
        raise Unauthorized(
            "this request of Slack is over five minutes old, or does not tell its time"
        )
    signature = headers.get("x-slack-signature", "").removeprefix("v0=")
    if not signed(secret, f"v0:{timestamp}:".encode() + body, [signature]):
        raise Unauthorized("Slack has not signed this with signing_secret")


def actions(body: bytes, now: datetime) -> list[Action]:
    """What was clicked; links are told of too, and ask for nothing."""
    return actions_in(_payload(body), now)


def actions_in(payload: Json, now: datetime) -> list[Action]:
    """The same of an interaction that is known to be Slack's."""
    user = payload.get("user")
    user = user if isinstance(user, dict) else {}
    by = str(user.get("username") or user.get("name") or user.get("id") or "Slack")
    clicks = payload.get("actions") if payload.get("type") == "block_actions" else None
    clicks = clicks if isinstance(clicks, list) else []
    found = [_action(click, by, now) for click in clicks if isinstance(click, dict)]
    return [each for each in found if each is not None]


def _action(click: Json, by: str, now: datetime) -> Action | None:
    name, key = str(click.get("action_id", "")), click.get("block_id")
    if not name.startswith(PREFIX) or not key:
        return None
    with suppress(ValueError):
        what = WhatToDo(name.removeprefix(PREFIX))
        identity = f"{key}:{name}:{click.get('action_ts', '')}"
        return Action(identity, str(key), what, by, "in Slack", _until(click, now))
    return None


def _until(click: Json, now: datetime) -> datetime | None:
    option = click.get("selected_option")
    value = str(option.get("value", "")) if isinstance(option, dict) else ""
    hours = value.removesuffix("h")
    if not hours.isdecimal() or not 0 < int(hours[:6]) <= MAX_HOURS:
        return None
    return now + timedelta(hours=int(hours))


def _payload(body: bytes) -> Json:
    with suppress(ValueError, RecursionError):
        found = json.loads(parse_qs(body.decode())["payload"][0]) if b"payload=" in body else None
        if isinstance(found, dict):
            return found
    raise BadInput("payload", body[:80], "an interaction of Slack")
