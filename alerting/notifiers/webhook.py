"""Any receiver of JSON over HTTP, signed as Standard Webhooks wants it.

A receiver that remembers `webhook-id` hears each version once; one that keeps the greatest
`data.version` of each `data.key` can't be confused by an old one that comes late.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from hashlib import sha256
from typing import ClassVar, Final

import msgspec
from pydantic import Field

from alerting.notifiers.base import HttpNotifier, encode
from alerting.rendering import ERROR_CHARS, clean, cut, headline, links, one_line, plain
from hub.ports import (
    Block,
    Delivery,
    Finding,
    Grade,
    Json,
    Message,
    NotifierConfig,
    SecretRef,
    Standing,
    notifiers,
)
from hub.ports.texts import cut_middle
from hub.signing import key_of, signed_headers

#: What Standard Webhooks recommends as the most that a receiver must take.
MAX_BODY_BYTES: Final = 20_000
_TYPES: Final = {
    Standing.OPEN: "incident.open",
    Standing.ACKNOWLEDGED: "incident.acknowledged",
    Standing.RESOLVED: "incident.resolved",
}


class WebhookConfig(NotifierConfig):
    """Where to, and what to sign with."""

    url: SecretRef = Field(description="the address as a whole, for it may hold a secret")
    secrets: list[SecretRef] = Field(
        min_length=1,
        description="to sign with: whsec_ and 24 to 64 bytes as base64; "
        "several while one is being replaced, each signs",
    )
    headers: dict[str, SecretRef] = Field(default={}, description="further headers")
    verify: bool = Field(default=True, description="check the receiver's certificate")


@notifiers.register("webhook")
class Webhook(HttpNotifier):
    Config: ClassVar[type[NotifierConfig]] = WebhookConfig
    keyed = False
    changes = True
    channel = "the webhook"
    config: WebhookConfig

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        if held.get("version") == delivery.version:
            return held
        body = encode(_body(delivery))
        identity = "msg_" + sha256(f"{delivery.key}\0{delivery.version}".encode()).hexdigest()[:32]
        headers = {
            **{name: self.reveal(value) for name, value in self.config.headers.items()},
            "Content-Type": "application/json",
            **signed_headers(self._keys(), identity, int(self.clock().timestamp()), body),
        }
        url = self.reveal(self.config.url)
        self.expect(self.ask("POST", url, content=body, headers=headers))
        return {"version": delivery.version}

    def check(self) -> Sequence[Finding]:
        """Whether something answers there; nothing is posted."""
        self._keys()
        answer = self.ask("HEAD", self.reveal(self.config.url))
        return [Finding("url", Grade.GOOD, f"it answers ({answer.status} to HEAD)")]

    def _keys(self) -> list[bytes]:
        return [self._key(reference) for reference in self.config.secrets]

    def _key(self, reference: SecretRef) -> bytes:
        try:
            return key_of(self.reveal(reference))
        except ValueError:
            raise self.failure(
                f"the secret {reference} is not base64 after whsec_: make one with "
                "'whsec_' and 32 random bytes as base64",
                permanent=True,
            ) from None


def _body(delivery: Delivery) -> Json:
    """The message as data, and as text for those who only pass it on."""
    message = delivery.message
    at = message.resolved_at or (message.updates[-1].at if message.updates else message.opened_at)
    data: Json = {
        "key": delivery.key,
        "version": delivery.version,
        "standing": delivery.standing.value,
        "loud": delivery.loud,
        "headline": headline(delivery, 300),
        "text": plain(delivery, 4000),
        **_fields(message),
    }
    body = {
        "type": _type(delivery),
        "timestamp": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": data,
    }
    for name in (
        "evidence",
        "updates",
        "text",
        "hit",
        "links",
        "error",
        "advice",
        "cause",
        "trend",
        "blocks",
    ):
        if len(encode(body)) > MAX_BODY_BYTES:
            data[name] = type(data[name])()
    return body


def _type(delivery: Delivery) -> str:
    if delivery.message.change:
        return "job.changed"
    return "digest" if delivery.message.blocks else _TYPES[delivery.standing]


def _fields(message: Message) -> Json:
    """As the port names them, each within bounds; `hit` and `updates` in part, if there are many."""
    told: Json = msgspec.to_builtins(message)
    del told["change"]  # the type says it
    for name in ("title", "severity", "kind", "rule", "subject", "team", "trend"):
        told[name] = cut(one_line(told[name]), 500)
    for name in ("cause", "advice"):
        told[name] = cut(clean(told[name] or ""), 1500)
    return told | {
        "error": cut_middle(clean(message.error or ""), ERROR_CHARS),
        "hit": [_within(each) for each in told["hit"][:20]],
        "hidden": message.hidden + len(message.hit[20:]),
        "updates": [_within(each) for each in told["updates"][-20:]],
        "links": msgspec.to_builtins(links(message)),
        "blocks": [_shortened(each) for each in message.blocks],
    }


def _shortened(block: Block) -> Json:
    lines = [cut(one_line(line), 300) for line in block.lines[:30]]
    return {"label": cut(one_line(block.label), 100), "lines": lines}


def _within(part: Json) -> Json:
    return {
        name: cut(one_line(value), 300) if isinstance(value, str) else value
        for name, value in part.items()
    }
