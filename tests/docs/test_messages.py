"""docs/alerting shows messages as the notifiers make them now."""

from __future__ import annotations

import pytest

from hub.ports import notifiers
from tests.docs.messages import CHANNELS, FOLDER, pages

HOW_TO = FOLDER.parent / "how-to" / "notifiers.md"


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # apprise's
def test_the_pages_are_those_that_the_notifiers_make() -> None:
    """Else: python -m tests.docs.messages"""
    made = dict(pages())
    assert set(made) == {path.name for path in FOLDER.iterdir()}
    assert not [name for name, content in made.items() if (FOLDER / name).read_text() != content]


def test_every_kind_of_notifier_has_a_page_and_a_section() -> None:
    ours = {name for name, kind in notifiers.items() if kind.__module__.startswith("alerting.")}
    assert set(CHANNELS) == ours
    told = HOW_TO.read_text()
    assert not [kind for kind in CHANNELS if f"\n## `{kind}`\n" not in told]


def test_every_setting_is_told() -> None:
    told = HOW_TO.read_text()
    for kind in CHANNELS:
        section = told.split(f"\n## `{kind}`\n")[1].split("\n## ")[0]
        fields = notifiers.get(kind).Config.model_fields
        assert not [name for name in fields if f"| `{name}` |" not in section], kind
