"""What the checks do and look at: launches, the runs that came of them, requests that are spoilt."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
import msgspec

from hub.conformance.scratch import CAUSES, GOOD, PARTITION, ScratchHub
from hub.errors import Unavailable
from hub.ports import Json, launch_run_id
from hub.signing import key_of, signed_headers

T = TypeVar("T")

_LOOK_S: Final = 0.25
#: Launches of which nothing more is to come.
OVER: Final = frozenset({"completed", "failed", "dead", "refused", "vanished", "cancelled"})
#: Of those, and of the ones under way, launches that the engine has taken.
TAKEN: Final = frozenset({"launched", "running", "completed", "failed"})


class Bench:
    """patience_s: how long one step of the engine may take."""

    def __init__(self, hub: ScratchHub, *, patience_s: float) -> None:
        self.hub = hub
        self.patience_s = patience_s
        self.key = ""  # of the first launch that was taken
        self.run_s = 0.0  # how long its run took

    # -- launches ------------------------------------------------------------------------------

    def launch(self, cause: str = GOOD) -> int:
        """Updates a dataset that launches one; the launch's id."""
        before = self._latest()
        self.hub.post("/lineage", _update(cause))

        def asked() -> int | None:
            latest = self._latest()
            return latest if latest > before else None

        return self.wait(asked, or_else=_nothing_launched)

    def _latest(self) -> int:
        found = self.hub.get("/launches", limit=1)["launches"]
        return int(found[0]["id"]) if found else 0

    def look(self, number: int) -> dict[str, Any]:
        """The launch as it stands."""
        found: dict[str, Any] = self.hub.get(f"/launches/{number}")["launch"]
        return found

    def until(self, number: int, states: frozenset[str]) -> dict[str, Any]:
        """The launch once it is in one of the states, or as it stands when patience ends."""
        return self.wait(
            lambda: self._in(self.look(number), states | OVER), or_else=lambda: self.look(number)
        )

    def settle(self, number: int) -> dict[str, Any]:
        """The launch when it is refused for good or tried a second time, or when patience ends."""

        def settled() -> dict[str, Any] | None:
            one = self.look(number)
            return one if one["state"] in OVER | TAKEN or one["attempts"] > 1 else None

        return self.wait(settled, or_else=lambda: self.look(number))

    @staticmethod
    def _in(one: dict[str, Any], states: frozenset[str]) -> dict[str, Any] | None:
        return one if one["state"] in states else None

    def wait(self, question: Callable[[], T | None], or_else: Callable[[], T]) -> T:
        """Asks until there is an answer or patience ends."""
        end = time.monotonic() + self.patience_s
        while time.monotonic() < end:
            found = question()
            if found is not None:
                return found
            time.sleep(_LOOK_S)
        return or_else()

    # -- what the engine tells -----------------------------------------------------------------

    def runs(self) -> list[dict[str, Any]]:
        """Of the job."""
        found = self.hub.find(f"{self._job()}/runs?limit=100")
        return found["runs"] if found else []

    def described(self) -> dict[str, Any]:
        """The job."""
        return self.hub.find(self._job()) or {}

    def _job(self) -> str:
        engine = self.hub.engine
        return f"/namespaces/{quote(engine.namespace, safe='')}/jobs/{quote(engine.job, safe='')}"

    # -- requests that the hub would not make ----------------------------------------------------

    def again(self, key: str) -> httpx.Response | None:
        """Posts a launch once more; None: there is no answer."""
        return self.post(_body(key, self.hub.engine.namespace, self.hub.engine.job))

    def post(
        self, body: bytes, *, secret: str | None = None, at: datetime | None = None
    ) -> httpx.Response | None:
        """secret: another than the engine's. at: when it says that it was sent."""
        engine = self.hub.engine
        assert engine.url is not None
        keys = [key_of(secret or engine.secret or "")]
        sent = int((at or datetime.now(UTC)).timestamp())
        key = msgspec.json.decode(body)["data"]["key"]
        headers = {
            "content-type": "application/json",
            "idempotency-key": key,
            **signed_headers(keys, f"msg_{key}", sent, body),
        }
        try:
            return httpx.post(engine.url, content=body, headers=headers, timeout=20)
        except httpx.HTTPError:
            return None

    def fresh_body(self) -> bytes:
        """What is posted of a launch that the hub knows nothing of."""
        return _body(f"conformance-{uuid4().hex}", self.hub.engine.namespace, self.hub.engine.job)

    def is_quiet(self, seconds: float) -> bool:
        """Whether no run of the job begins meanwhile."""
        before = len(self.runs())
        time.sleep(seconds)
        return len(self.runs()) == before


def _nothing_launched() -> NoReturn:
    raise Unavailable("the hub for the test asked for no launch: give it more --patience")


def _update(name: str) -> Json:
    return {
        "eventType": "COMPLETE",
        "eventTime": datetime.now(UTC).isoformat(),
        "producer": "https://github.com/trackside/trackside",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(uuid4())},
        "job": {"namespace": CAUSES, "name": name},
        "outputs": [{"namespace": CAUSES, "name": name}],
    }


def _body(key: str, namespace: str, job: str) -> bytes:
    told: Json = {
        "type": "launch.requested",
        "timestamp": datetime.now(UTC).isoformat(),
        "data": {
            "key": key,
            "runId": launch_run_id(key),
            "job": {"namespace": namespace, "name": job},
            "partition": PARTITION,
            "conf": {},
            "note": "",
            "cause": None,
        },
    }
    return msgspec.json.encode(told)
