"""The tell loop: from what happens to incidents to what each target should show.

Two steps, each in a transaction of its own: what has happened is sorted into notifications, and
what is due of these is said. A crash between or within them repeats what was not kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from alerting.changes import told_of
from alerting.digest import digest_of, first_due, next_due, period_of
from alerting.plan import Plan
from alerting.saying import say
from alerting.sorting import Sorter
from hub.ports import ChangeStore, DigestStore, Due, Fence, Posted, TellStore

#: Transitions of one round, and notifications.
CASES: Final = 1000
NOTIFICATIONS: Final = 200
CHANGES: Final = 1000


class Tell:
    def __init__(
        self,
        store: TellStore,
        digests: DigestStore,
        changes: ChangeStore,
        plan: Plan,
        public_url: str | None = None,
    ) -> None:
        self._store = store
        self._digests = digests
        self._changes = changes
        self._plan = plan
        self._public_url = public_url
        self._begun: Plan | None = None

    def round(self, now: datetime, fence: Fence) -> bool:
        """Tells what has happened and what is due; True if more is left."""
        plan = self._plan
        if self._begun is not plan:
            self._store.begin(now, fence)
            self._digests.settle({o.name: first_due(o, now) for o in plan.digests}, fence)
            self._changes.settle(fence, wanted=plan.tells_changes)
            self._begun = plan
        more = self._sort(plan, now, fence) | self._tell_changes(plan, now, fence)
        for due in self._digests.due(now):
            self._post(plan, due, now, fence)
        return self._say(plan, now, fence) or more

    def replan(self, plan: Plan) -> None:
        """By this from the next round on, which looks at everything that is open anew."""
        self._plan = plan

    def _post(self, plan: Plan, due: Due, now: datetime, fence: Fence) -> None:
        one = next((each for each in plan.digests if each.name == due.name), None)
        if one is None:
            return
        after = next_due(one, due, now)
        period = self._digests.period(*period_of(due, after))
        message = digest_of(one, period, plan, self._public_url)
        self._digests.post(
            Posted(before=due, after=after, message=message, targets=one.targets), now, fence
        )

    def _tell_changes(self, plan: Plan, now: datetime, fence: Fence) -> bool:
        if not plan.tells_changes:
            return False
        found = self._changes.read(CHANGES)
        if found.places:
            told = list(told_of(found.changed, plan, self._public_url))
            self._changes.keep(found, told, now, fence)
        return found.more

    def _sort(self, plan: Plan, now: datetime, fence: Fence) -> bool:
        seen = self._store.cases(now, CASES)
        if not seen.cases:
            return False
        self._store.keep_sorted(Sorter(plan, seen, now).sort(), now, fence)
        return seen.more

    def _say(self, plan: Plan, now: datetime, fence: Fence) -> bool:
        due = self._store.due(now, NOTIFICATIONS)
        if not due:
            return False
        said = [say(one, plan, now, self._public_url) for one in due]
        self._store.keep_said(said, now, fence)
        return len(due) >= NOTIFICATIONS
