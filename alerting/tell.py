"""The tell loop: from what happens to incidents to what each target should show.

Two steps, each in a transaction of its own: what has happened is sorted into notifications, and
what is due of these is said. A crash between or within them repeats what was not kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from alerting.plan import Plan
from alerting.saying import say
from alerting.sorting import Sorter
from hub.ports import Fence, TellStore

#: Transitions of one round, and notifications.
CASES: Final = 1000
NOTIFICATIONS: Final = 200


class Tell:
    def __init__(self, store: TellStore, plan: Plan, public_url: str | None = None) -> None:
        self._store = store
        self._plan = plan
        self._public_url = public_url
        self._begun = False

    def round(self, now: datetime, fence: Fence) -> bool:
        """Tells what has happened and what is due; True if more is left."""
        if not self._begun:
            self._store.begin(now, fence)
            self._begun = True
        more = self._sort(now, fence)
        return self._say(now, fence) or more

    def _sort(self, now: datetime, fence: Fence) -> bool:
        seen = self._store.cases(now, CASES)
        if not seen.cases:
            return False
        self._store.keep_sorted(Sorter(self._plan, seen, now).sort(), now, fence)
        return seen.more

    def _say(self, now: datetime, fence: Fence) -> bool:
        due = self._store.due(now, NOTIFICATIONS)
        if not due:
            return False
        said = [say(one, self._plan, now, self._public_url) for one in due]
        self._store.keep_said(said, now, fence)
        return len(due) >= NOTIFICATIONS
