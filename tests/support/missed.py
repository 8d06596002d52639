"""What a hub says of the slots of a job whose scheduler stood still, for tests against real ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from tests.support.hub_process import HubProcess

#: How late a run of each minute may start, by the rule of the pack.
GRACE: Final = timedelta(minutes=1)
MINUTE: Final = timedelta(minutes=1)
PATIENCE_S: Final = 420
Json = dict[str, Any]


class Slots:
    """The slots of a job that is due each minute, and the incidents of those that were missed."""

    def __init__(self, hub: HubProcess, namespace: str, job: str) -> None:
        self._url = f"{hub.url}/api/v1"
        self._job = f"{self._url}/namespaces/{namespace}/jobs/{job}"
        self._node = f"job:{namespace}:{job}"

    def all(self) -> dict[datetime, Json | None]:
        """By when they are due, each with the run that answered it."""
        slots = self._asked()["slots"]
        return {datetime.fromisoformat(slot["dueAt"]): slot["run"] for slot in slots}

    def known_to(self) -> datetime:
        return datetime.fromisoformat(self._asked()["knownTo"])

    def missed(self) -> dict[datetime, Json]:
        """The incidents of missed slots, by when those were due."""
        asked: dict[str, str | int] = {
            "kind": "missed_schedule",
            "nodeId": self._node,
            "limit": 100,
        }
        found = httpx.get(f"{self._url}/incidents", params=asked, timeout=30).json()["incidents"]
        return {datetime.fromisoformat(one["evidence"]["dueAt"]): one for one in found}

    def healed_since(self, begin: datetime) -> int:
        """How many slots were missed that were due since then; 0 while one of them is open."""
        mine = [one for at, one in self.missed().items() if at >= begin]
        return 0 if any(one["state"] == "OPEN" for one in mine) else len(mine)

    def history(self, incident: Json) -> list[str]:
        told = httpx.get(f"{self._url}/incidents/{incident['id']}", timeout=30).json()
        return [step["transition"] for step in told["history"]]

    def cause(self, incident: Json) -> str | None:
        """The kind of the incident that was its cause at some time."""
        told = httpx.get(f"{self._url}/incidents/{incident['id']}", timeout=30).json()
        causes = {step["parentId"] for step in told["history"]} - {None}
        kinds = {httpx.get(f"{self._url}/incidents/{n}", timeout=30).json()["kind"] for n in causes}
        return next(iter(kinds), None)

    def _asked(self) -> Json:
        answer = httpx.get(f"{self._job}/slots", timeout=30)
        return dict(answer.json()) if answer.status_code == httpx.codes.OK else {"slots": []}


def minute_after(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0) + MINUTE


def unanswered(slots: Iterable[datetime], begun: Mapping[datetime, datetime]) -> list[datetime]:
    """Slots for which the orchestrator itself has no run that began within the grace."""
    never = datetime.max.replace(tzinfo=UTC)
    return [slot for slot in slots if begun.get(slot, never) > slot + GRACE]


def until(holds: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(1)
    raise TimeoutError(f"not within {patience_s:g} s")


def at_clock(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
