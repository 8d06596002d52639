"""Every kind of rule has a message that says what is wrong, made of a verdict of that rule."""

from __future__ import annotations

from hub import rules
from hub.rules.base import kinds
from tests.support.told import every_kind


def test_every_kind_is_among_the_messages_that_are_shown() -> None:
    rules.load()
    ours = {name for name, kind in kinds.items() if kind.__module__.startswith("hub.rules.")}
    assert set(every_kind()) == ours | {"target_down", "group"}


def test_each_says_of_what_what_and_since_when_and_leads_to_its_page() -> None:
    for kind, message in every_kind().items():
        subject, _, what = message.title.partition(": ")
        assert len(subject) > 3, kind
        assert len(what) > 10, kind
        assert "Traceback" not in message.title
        assert message.since <= message.opened_at, kind
        assert message.links[0].text in {"Incident", "Incidents"}
