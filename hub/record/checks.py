"""Data-quality results: the latest of each check on a dataset (partition) in a run holds."""

from __future__ import annotations

from collections.abc import Sequence

from hub.model import ChangeKind, Check, CheckStatus, Severity
from hub.record.incoming import IncomingEvent
from hub.record.terms import to_json
from hub.store.bulk import Bulk
from hub.store.descriptions import CheckKey, CheckRow, Descriptions
from hub.store.ledger import ChangeRow, Ledger

NO_RUN = 0
NO_DATASET = 0
#: The worst last.
_WORST = (CheckStatus.SKIPPED, CheckStatus.PASSED, CheckStatus.FAILED)


class Checks:
    """The checks that a batch reports."""

    def __init__(self, ledger: Ledger, descriptions: Descriptions) -> None:
        self._ledger = ledger
        self._out = descriptions

    def take(
        self,
        dataset: int,
        partition: str | None,
        checks: Sequence[Check],
        run: int,
        item: IncomingEvent,
    ) -> None:
        for c in checks:
            key = (dataset, c.name, c.column or "", partition or "", run)
            new = CheckRow(item.at, c.status, c.severity, c.expected, c.actual)
            held = self._out.checks.get(key)
            if held is None or _order(new) > _order(held):
                self._out.checks[key] = new

    def finish(self, bulk: Bulk, now: int) -> None:
        """Drops what is older than what is held; tells what is news."""
        held = self._out.held_checks(bulk)
        for key, new in list(self._out.checks.items()):
            before = held.get(key)
            if before is not None and _order(before) >= _order(new):
                del self._out.checks[key]
            elif new.status != CheckStatus.SKIPPED and (
                before is None or before.status != new.status
            ):
                self._ledger.changes.append(_change(now, key, new))


def _order(check: CheckRow) -> tuple[int, int, bool, str, str]:
    """The latest, then the worst: one name may stand for several checks of one look."""
    texts = (check.expected or "", check.actual or "")
    return (check.at, _WORST.index(check.status), check.severity == Severity.ERROR, *texts)


def _change(now: int, key: CheckKey, check: CheckRow) -> ChangeRow:
    failed = check.status == CheckStatus.FAILED
    detail = {"check": key[1], "column": key[2], "partition": key[3], "severity": check.severity}
    return ChangeRow(
        now,
        ChangeKind.CHECK_FAILED if failed else ChangeKind.CHECK_PASSED,
        run_id=key[4] or None,
        dataset_id=key[0] or None,
        detail=to_json(detail).decode(),
    )
