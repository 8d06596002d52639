"""An engine that tells what happens itself. The hub launches its jobs, or it fetches its launches.

The run of a launch has the OpenLineage run id that the request names, unless the engine answers
with one of its own (`runId`); by that the hub finds it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import msgspec

from adapters.base import Answer, Http
from adapters.engine.config import EngineConfig
from adapters.engine.template import fill, fill_url
from hub.errors import Declined, NotFound, Unavailable
from hub.ports import (
    AdapterConfig,
    Asked,
    BackfillPlan,
    Capability,
    Effects,
    Finding,
    Grade,
    Json,
    Known,
    Launched,
    LaunchKind,
    LaunchRequest,
    LogTail,
    Observed,
    RunName,
    Wish,
    adapters,
    launch_run_id,
)
from hub.ports.reach import PrivateAddressError, Reach
from hub.signing import key_of, signed_headers

_SETUP: Final = """\
# Each run is told by its engine: POST {url}/api/v1/lineage with OpenLineage events.
# The run of a launch has the run id that the launch names. See docs/how-to/own-engine.md.
"""


@adapters.register("engine")
class Engine:
    Config: ClassVar[type[AdapterConfig]] = EngineConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.LAUNCH})
    keyed: ClassVar[bool] = True  # by the idempotency key

    def __init__(
        self,
        config: EngineConfig,
        asked: Asked,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._clock = clock
        parts = urlsplit(config.url or "http://localhost")
        self._http = Http(
            f"{parts.scheme}://{parts.netloc}",
            authorize=self._headers,
            refused=lambda _: False,
            timeout_s=config.timeout_s,
            transport=transport or Reach(asked.allowed, verify=config.verify),
            sleep=sleep,
        )

    def observe(self, cursor: Json, as_of: datetime, known: Known) -> Observed:  # noqa: ARG002
        return Observed(cursor=cursor)

    def check_connection(self) -> Sequence[Finding]:
        """Whether something answers there and the secrets can be had; nothing is launched."""
        if self._config.pulls:
            return [Finding("launches", Grade.GOOD, "the engine fetches them itself")]
        self._keys()
        answer = self._ask("HEAD", self._path(urlsplit(self._config.url or "").path), None, {})
        return [Finding("url", Grade.GOOD, f"it answers ({answer.status} to HEAD)")]

    def launch(self, request: LaunchRequest) -> Launched:
        """Unavailable, permanent, if the engine refuses it; 409 means that it has it already."""
        if request.kind is LaunchKind.ASSET_EVENT:
            raise Declined(f"an engine takes no asset events ({request.job.name})")
        answer = self._sent(request)
        if not answer.ok and answer.status != 409:
            raise self._http.failure(answer, urlsplit(self._config.url or "").path)
        return Launched(request.key, _natural_id(answer, request), None, answer.status == 409)

    def find_launched(self, request: LaunchRequest) -> Launched | None:  # noqa: ARG002
        """An engine is not asked: it knows the key of what it was told before."""
        return None

    def backfill(self, plan: BackfillPlan) -> Launched:
        raise Declined(f"an engine has no backfills: launch {plan.job.name}")

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:
        raise NotFound(f"an engine has no backfills ({plan.job.name}, {natural_id})")

    def steer(self, natural_id: str, wish: Wish) -> None:
        raise NotFound(f"an engine has no backfills ({natural_id}, {wish})")

    def caused(self, request: LaunchRequest) -> Effects:
        raise NotFound(f"an engine has no asset events ({request.job.name})")

    def log_tail(self, run: RunName, attempt: int, lines: int) -> LogTail:  # noqa: ARG002
        raise Unavailable(f"an engine is not asked for logs ({run.job.name})", permanent=True)

    def openlineage_setup(self, hub_url: str) -> str:
        return _SETUP.format(url=hub_url)

    def close(self) -> None:
        self._http.close()

    # -- one request -----------------------------------------------------------------------------

    def _sent(self, request: LaunchRequest) -> Answer:
        if self._config.launch == "http":
            return self._by_http(request)
        body = msgspec.json.encode(_told(request, self._clock()))
        identity = f"msg_{request.key}"
        signed = signed_headers(self._keys(), identity, int(self._clock().timestamp()), body)
        path = self._path(self._config.url or "")
        return self._ask("POST", path, body, {**_idempotent(request), **signed})

    def _by_http(self, request: LaunchRequest) -> Answer:
        values = _values(request)
        path = self._path(fill_url(self._config.url or "", values))
        body = None
        if self._config.body is not None:
            body = msgspec.json.encode(fill(self._config.body, values))
        return self._ask(self._config.method, path, body, _idempotent(request))

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        told = {"Content-Type": "application/json", **headers} if body else headers
        try:
            return self._http.ask(method, path, content=body, headers=told, repeat=False)
        except PrivateAddressError:
            raise Unavailable(
                f"{self._http.url} is at a private address: the operator of the hub must allow its "
                "network first (allowed_networks)",
                permanent=True,
            ) from None

    @staticmethod
    def _path(url: str) -> str:
        parts = urlsplit(url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def _headers(self, refused: bool) -> Mapping[str, str]:  # noqa: ARG002, FBT001
        return {name: ref.resolve().reveal() for name, ref in self._config.headers.items()}

    def _keys(self) -> list[bytes]:
        found = []
        for reference in self._config.secrets:
            try:
                found.append(key_of(reference.resolve().reveal()))
            except ValueError as error:
                raise Unavailable(f"the secret {reference}: {error}", permanent=True) from None
        return found


def _idempotent(request: LaunchRequest) -> Mapping[str, str]:
    return {"Idempotency-Key": request.key}


def _natural_id(answer: Answer, request: LaunchRequest) -> str:
    """As the hub knows a run of which only an OpenLineage run id is told."""
    told = answer.data.get("runId") if isinstance(answer.data, dict) else None
    try:
        return UUID(str(told)).hex
    except ValueError:
        return UUID(launch_run_id(request.key)).hex


def _told(request: LaunchRequest, now: datetime) -> Json:
    cause = request.cause
    return {
        "type": "launch.requested",
        "timestamp": now.isoformat().replace("+00:00", "Z"),
        "data": {
            "key": request.key,
            "runId": launch_run_id(request.key),
            "job": {"namespace": request.job.namespace, "name": request.job.name},
            "partition": request.partition,
            "conf": request.conf,
            "note": request.note,
            "cause": None
            if cause is None
            else {
                "runId": cause.run_id,
                "job": {"namespace": cause.job.namespace, "name": cause.job.name},
            },
        },
    }


def _values(request: LaunchRequest) -> Mapping[str, Any]:
    return {
        "key": request.key,
        "run_id": launch_run_id(request.key),
        "job": request.job.name,
        "namespace": request.job.namespace,
        "partition": request.partition,
        "note": request.note,
        "conf": request.conf,
    }
