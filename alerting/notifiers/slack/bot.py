"""With a bot token: one message per key, edited as it changes, with a thread for what happened.

What was posted is found again by its metadata, in the channel's history, before anything is posted
or answered whose fate is not known: a crash at any point leaves one message.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Event
from typing import ClassVar, Final

from pydantic import Field, field_validator

from alerting.notifiers.base import Answer, HttpNotifier, web_address
from alerting.notifiers.slack import errors
from alerting.notifiers.slack.blocks import ROOMS, blocks, fallback
from alerting.notifiers.slack.inbound import actions, verify
from alerting.notifiers.slack.socket_mode import listen
from alerting.rendering import cut, headline, in_slack, sign, updates
from hub.errors import Unauthorized, Unavailable
from hub.ports import (
    Action,
    Delivery,
    Finding,
    Grade,
    Json,
    NotifierConfig,
    SecretRef,
    Update,
    notifiers,
)

INCIDENT: Final = "trackside_incident"
UPDATE: Final = "trackside_update"
PAGE: Final = 200
#: How far back in a channel a message is looked for, in pages.
PAGES: Final = 10
SEARCH_S: Final = 20.0
MAX_REPLY: Final = 3000
_BEFORE: Final = timedelta(minutes=5)  # how far clocks may differ


class SlackConfig(NotifierConfig):
    """One channel of a workspace, by an app of one's own."""

    token: SecretRef = Field(description="bot token of the app (xoxb-...)")
    channel: str = Field(description="id of the channel (C...), at the end of its details in Slack")
    signing_secret: SecretRef | None = Field(
        None, description="of the app; with it the messages have buttons"
    )
    app_token: SecretRef | None = Field(
        None,
        description="app-level token (xapp-...) with connections:write; with it the messages have "
        "buttons, and clicks come over a connection that the hub opens (Socket Mode)",
    )
    mention: str = Field(
        "",
        pattern=r"^(<!(here|channel|everyone)>|<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>)?$",
        description="who is called when it gets worse, as in <!here> or <!subteam^S012AB3CD>",
    )
    url: str = Field("https://slack.com/api", description="of the Web API")

    _address = field_validator("url")(web_address)

    @field_validator("channel")
    @classmethod
    def _an_id(cls, channel: str) -> str:
        """By a name Slack neither edits messages nor tells of them; and names change."""
        if not re.fullmatch(r"[CGD][A-Z0-9]{6,}", channel):
            told = f"expected the id of a channel, as in C0123456789, found {channel[:80]!r}"
            raise ValueError(f"{told}; in Slack it stands at the end of the channel's details")
        return channel


@notifiers.register("slack")
class Slack(HttpNotifier):
    Config: ClassVar[type[NotifierConfig]] = SlackConfig
    channel = "Slack"
    config: SlackConfig

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        """held: the message (ts), our latest reply in its thread, up to when it tells what
        happened, and which version was the latest to say something new.
        """
        known = held or self._find(delivery)
        if not known or not self._edit(known, delivery):
            known = self._post(delivery)
        else:
            known = self._say(self._answered(known), delivery)
        return known | {"version": delivery.version}

    def inbound(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Action]:
        if self.config.signing_secret is None:
            raise Unauthorized("set signing_secret of this target, so that clicks can be verified")
        verify(self.reveal(self.config.signing_secret), headers, body, now)
        return actions(body, now)

    @property
    def listens(self) -> bool:
        return self.config.app_token is not None

    def listen(self, take: Callable[[Sequence[Action]], None], stopping: Event) -> None:
        """Socket Mode: one connection, as long as Slack keeps it."""
        if self.config.app_token is not None:
            opened = self._call("apps.connections.open", {}, self.config.app_token)
            url = str(opened.get("url") or "")
            if not url.startswith("wss://" if self.config.url.startswith("https") else "ws"):
                raise self.failure("it names no address for Socket Mode", permanent=False)
            listen(
                url,
                take,
                stopping,
                allowed=self.allowed,
                failure=lambda text: self.failure(text, permanent=False),
            )

    def check(self) -> Sequence[Finding]:
        checks: dict[str, Callable[[], Json]] = {
            "token": lambda: self._call("auth.test", {}),
            "channel": lambda: self._call(
                "conversations.history", {"channel": self.config.channel, "limit": 1}
            ),
        }
        if self.config.app_token is not None:
            token = self.config.app_token
            checks["app_token"] = lambda: self._call("apps.connections.open", {}, token)
        return [self._check(what, ask) for what, ask in checks.items()]

    def _check(self, what: str, ask: Callable[[], Json]) -> Finding:
        try:
            ask()
        except Unavailable as failure:
            return Finding(what, Grade.BAD, str(failure))
        return Finding(what, Grade.GOOD, "Slack knows it")

    # -- the message -----------------------------------------------------------------------------

    def _post(self, delivery: Delivery) -> Json:
        known = {"told": _last(delivery.message.updates), "said": delivery.version}
        extra = {"metadata": _metadata(INCIDENT, delivery.key, known)}
        ts = self._ts(self._write("chat.postMessage", delivery, extra))
        known |= {"ts": ts, "reply": ts}
        return self._reply(known, delivery, []) if delivery.loud and self.config.mention else known

    def _edit(self, known: Json, delivery: Delivery) -> bool:
        """False if it is there no more."""
        metadata = _metadata(INCIDENT, delivery.key, known)
        try:
            self._write("chat.update", delivery, {"ts": known["ts"], "metadata": metadata})
        except SlackRefusedError as refusal:
            if refusal.reason in errors.LOST:
                return False
            raise
        return True

    def _say(self, known: Json, delivery: Delivery) -> Json:
        """What is new, in the thread."""
        told = str(known["told"])
        new = [step for step in delivery.message.updates if step.at.isoformat() > told]
        if new or (delivery.loud and known["said"] < delivery.version):
            return self._reply(known, delivery, new)
        return known

    def _write(self, method: str, delivery: Delivery, extra: Json) -> Json:
        """Shorter, if Slack finds it too long."""
        buttons = self.config.signing_secret is not None or self.listens
        for room in ROOMS:
            body = {
                "channel": self.config.channel,
                "text": fallback(delivery),
                "blocks": blocks(delivery, room, buttons=buttons),
            }
            try:
                return self._call(method, body | extra)
            except SlackRefusedError as refusal:
                if refusal.reason not in errors.TOO_LONG or room == ROOMS[-1]:
                    raise
        raise AssertionError("the last room returns or raises")

    # -- what is there already -------------------------------------------------------------------

    def _find(self, delivery: Delivery) -> Json:
        """The message of this key, {} if there is none or if we may not read the channel."""
        asked = {
            "channel": self.config.channel,
            "oldest": f"{(delivery.message.opened_at - _BEFORE).timestamp():.6f}",
        }
        try:
            for message in self._pages("conversations.history", asked):
                meant = _meant(message, INCIDENT)
                if meant.get("key") == delivery.key:
                    told = {"told": str(meant.get("told", "")), "said": meant.get("said", 0)}
                    return {"ts": message["ts"], "reply": message["ts"]} | told
        except SlackRefusedError as refusal:
            if refusal.reason != "missing_scope":
                raise  # to hear it twice after a crash is better than not to hear it
        return {}

    def _answered(self, known: Json) -> Json:
        """With the replies of ours that came after the one that is known."""
        asked = {"channel": self.config.channel, "ts": known["ts"], "oldest": known["reply"]}
        try:
            for message in self._pages("conversations.replies", asked):
                meant = _meant(message, UPDATE)
                if meant.get("key") and message["ts"] > known["reply"]:
                    told = max(str(known["told"]), str(meant.get("told", "")))
                    known = known | {
                        "reply": message["ts"],
                        "told": told,
                        "said": meant.get("said", 0),
                    }
        except SlackRefusedError as refusal:
            if refusal.reason not in {"missing_scope", "thread_not_found"}:
                raise
        return known

    def _pages(self, method: str, asked: Json) -> Iterator[Json]:
        cursor = ""
        ends = time.monotonic() + SEARCH_S
        for _ in range(PAGES):
            if time.monotonic() > ends:
                raise self.failure("its history takes too long to read", permanent=False)
            more = {"cursor": cursor} if cursor else {}
            answer = self._call(
                method, asked | {"limit": PAGE, "include_all_metadata": True} | more
            )
            yield from _messages(answer)
            cursor = str(_part(answer, "response_metadata").get("next_cursor") or "")
            if not cursor:
                return

    def _reply(self, known: Json, delivery: Delivery, steps: Sequence[Update]) -> Json:
        """In the thread; where it is loud, in the channel too."""
        lines = updates(steps) or [f"{sign(delivery)} {headline(delivery, 500)}"]
        text = in_slack(cut("\n".join(lines), MAX_REPLY))
        call = self.config.mention if delivery.loud else ""
        known = known | {"told": _last(steps) or known["told"], "said": delivery.version}
        body = {
            "channel": self.config.channel,
            "thread_ts": known["ts"],
            "text": f"{call} {text}" if call else text,
            "mrkdwn": bool(call),  # so that a name with _ or * stays as it is
            "reply_broadcast": delivery.loud,
            "metadata": _metadata(UPDATE, delivery.key, known),
            "unfurl_links": False,
        }
        return known | {"reply": self._ts(self._call("chat.postMessage", body))}

    def _ts(self, answer: Json) -> str:
        ts = answer.get("ts")
        if not isinstance(ts, str):
            raise self.failure("it does not tell what it has posted", permanent=False)
        return ts

    # -- one call --------------------------------------------------------------------------------

    def _call(self, method: str, body: Json, token: SecretRef | None = None) -> Json:
        """Reads take a form, writes JSON; what is refused comes with status 200."""
        headers = {"Authorization": f"Bearer {self.reveal(token or self.config.token)}"}
        url = f"{self.config.url}/{method}"
        if method == "apps.connections.open":
            answer = self.ask("POST", url, headers=headers)
        elif method.startswith("chat."):
            headers["Content-Type"] = "application/json; charset=utf-8"
            answer = self.ask("POST", url, json=body, headers=headers)
        else:
            params = {
                name: str(value).lower() if isinstance(value, bool) else str(value)
                for name, value in body.items()
            }
            answer = self.ask("GET", url, params=params, headers=headers)
        return self._good(answer, method)

    def _good(self, answer: Answer, method: str) -> Json:
        data = answer.data if isinstance(answer.data, dict) else {}
        if answer.ok and data.get("ok") is True:
            return data
        code = data.get("error")
        if not isinstance(code, str) or (not answer.ok and answer.status != 200):
            raise self.refusal(answer, f"{method}: {code}" if isinstance(code, str) else "")
        failure = self.failure(
            f"{method} was refused: {cut(code, 100)}{_more(data)}; {errors.mend(code)}".rstrip(
                "; "
            ),
            permanent=errors.permanent(code),
            retry_after_s=answer.retry_after_s,
        )
        raise SlackRefusedError(code, failure)


class SlackRefusedError(Unavailable):
    """Slack understood, and said no."""

    def __init__(self, code: str, failure: Unavailable) -> None:
        self.reason = code
        super().__init__(
            str(failure), permanent=failure.permanent, retry_after_s=failure.retry_after_s
        )


def _metadata(kind: str, key: str, known: Json) -> Json:
    payload = {"key": key, "told": known["told"], "said": known["said"]}
    return {"event_type": kind, "event_payload": payload}


def _meant(message: Json, kind: str) -> Json:
    metadata = _part(message, "metadata")
    return _part(metadata, "event_payload") if metadata.get("event_type") == kind else {}


def _messages(answer: Json) -> list[Json]:
    found = answer.get("messages")
    rows = found if isinstance(found, list) else []
    return [each for each in rows if isinstance(each, dict) and isinstance(each.get("ts"), str)]


def _part(whole: Json, name: str) -> Json:
    found = whole.get(name)
    return found if isinstance(found, dict) else {}


def _more(data: Json) -> str:
    """What Slack says besides the code."""
    told = _part(data, "response_metadata").get("messages") or data.get("needed")
    return f" ({cut(str(told), 300)})" if told else ""


def _last(steps: Sequence[Update]) -> str:
    return steps[-1].at.isoformat() if steps else ""
