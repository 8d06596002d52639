"""A workflow of Microsoft Teams that posts an Adaptive Card."""

from __future__ import annotations

from tests.support.channels.server import FakeChannel, Json, Reply, Request, only, require, text

PATH = "/workflows/0123456789abcdef/triggers/manual/paths/invoke"
SIGNATURE = "tEaMsSiGnAtUrE0123456789"
_RUN = {"size", "weight", "color", "fontType", "isSubtle", "italic"}


class FakeTeams(FakeChannel):
    def __init__(self) -> None:
        super().__init__()
        self.cards: list[Json] = []

    def settings(self) -> Json:
        return {"url": "env:FAKE_TEAMS_URL"}

    def secrets(self) -> dict[str, str]:
        return {"FAKE_TEAMS_URL": f"{self.url}{PATH}?api-version=1&sig={SIGNATURE}"}

    def count(self) -> int:
        return len(self.cards)

    def standing(self, key: str) -> str | None:
        if not self.cards:
            return None
        word = self.cards[-1]["fallbackText"].partition(":")[0]
        return word if word in {"ACKNOWLEDGED", "RESOLVED"} else "OPEN"

    def answer(self, request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply(405)
        require(request.path == PATH, "the workflow does not exist", 404)
        require(request.query.get("sig") == SIGNATURE, "the signature is invalid", 401)
        require(len(request.body) <= 28_000, "the message is too large", 413)
        message = request.json()
        only(message, need={"type", "attachments"}, may=set(), where="message")
        require(message["type"] == "message" and len(message["attachments"]) == 1, "one card")
        attachment = message["attachments"][0]
        only(attachment, need={"contentType", "content"}, may={"contentUrl"}, where="attachment")
        kind = attachment["contentType"]
        require(kind == "application/vnd.microsoft.card.adaptive", "contentType")
        _check(attachment["content"])
        self.cards.append(attachment["content"])
        return Reply(202)


def read(card: Json) -> list[str]:
    """The lines that a person sees."""
    lines = []
    for block in card["body"]:
        told = "".join(run["text"] for run in block["inlines"])
        lines += told.split("\n")
    return [*lines, " ".join(f"[ {action['title']} ]" for action in card["actions"])]


def _check(card: Json) -> None:
    need = {"type", "version", "body"}
    may = {"$schema", "msteams", "fallbackText", "actions"}
    only(card, need=need, may=may, where="card")
    require(card["type"] == "AdaptiveCard" and card["version"] in {"1.2", "1.4", "1.5"}, "card")
    for block in card["body"]:
        only(block, need={"type", "inlines"}, may={"separator", "spacing"}, where="block")
        require(block["type"] == "RichTextBlock", "a TextBlock would read Markdown")
        for run in block["inlines"]:
            only(run, need={"type", "text"}, may=_RUN, where="TextRun")
            text(run["text"], 28_000, "text")
    require(len(card.get("actions", ())) <= 6, "at most six actions")
    for action in card.get("actions", ()):
        only(action, need={"type", "title", "url"}, may=set(), where="action")
        require(action["type"] == "Action.OpenUrl", "action")
