"""By an incoming webhook: a new message for each change, for nothing can be edited or found there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from alerting.notifiers.base import Answer, HttpNotifier
from alerting.notifiers.slack import errors
from alerting.notifiers.slack.blocks import ROOMS, blocks, fallback
from alerting.rendering import cut
from hub.errors import Unavailable
from hub.ports import Delivery, Finding, Grade, Json, NotifierConfig, SecretRef, notifiers


class SlackWebhookConfig(NotifierConfig):
    """One incoming webhook, which posts to one channel."""

    url: SecretRef = Field(description="of the incoming webhook; it is a secret as a whole")


@notifiers.register("slack_webhook")
class SlackWebhook(HttpNotifier):
    Config: ClassVar[type[NotifierConfig]] = SlackWebhookConfig
    keyed = False
    channel = "Slack"
    config: SlackWebhookConfig

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        if held.get("version") == delivery.version:
            return held
        for room in ROOMS:
            body = {"text": fallback(delivery), "blocks": blocks(delivery, room)}
            answer = self._post(body)
            if answer.ok:
                return {"version": delivery.version}
            if answer.text.strip() not in errors.TOO_LONG or room == ROOMS[-1]:
                raise self._refused(answer)
        raise AssertionError("the last room returns or raises")

    def check(self) -> Sequence[Finding]:
        """An empty message, which Slack refuses, but only where there is a webhook."""
        answer = self._post({})
        if answer.status == 400 and answer.text.strip() in {"no_text", "invalid_payload"}:
            return [Finding("url", Grade.GOOD, "Slack knows it")]
        return [Finding("url", Grade.BAD, str(self._refused(answer)))]

    def _post(self, body: Json) -> Answer:
        return self.ask("POST", self.reveal(self.config.url), json=body)

    def _refused(self, answer: Answer) -> Unavailable:
        code = answer.text.strip()
        if answer.status == 429 or answer.status >= 500 or not code.isidentifier():
            return self.refusal(answer)
        text = f"it answered {answer.status}: {cut(code, 100)}; {errors.mend(code)}"
        return self.failure(text.rstrip("; "), permanent=errors.permanent(code))
