"""Sends the figures of this process on, over OTLP/HTTP, to a collector of OpenTelemetry.

Each request holds all figures as they are, so one that is not taken is made up for by the next.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import httpx
import structlog

from hub.metrics import Metrics
from hub.metrics.otlp import request_of
from hub.secrets import SecretRef

log = structlog.get_logger(__name__)

TIMEOUT_S: Final = 10.0


class Export:
    """To one collector. headers: names and the references of secrets, which are never shown."""

    def __init__(
        self,
        metrics: Metrics,
        url: str,
        headers: Mapping[str, str],
        replica: str,
    ) -> None:
        self._metrics = metrics
        self._url = url
        self._headers = {name: SecretRef.parse(told) for name, told in headers.items()}
        self._resource = {
            "service.name": "trackside",
            "service.instance.id": replica,
            "service.version": version("trackside"),
        }
        self._since_ns = time.time_ns()

    def round(self) -> None:
        """For a loop."""
        self.send(time.time_ns())

    def send(self, now_ns: int) -> bool:
        """Whether all was taken. Raises ConfigError if a header's secret can't be had."""
        told = request_of(
            self._metrics.registry, self._resource, since_ns=self._since_ns, now_ns=now_ns
        )
        headers = {name: one.resolve().reveal() for name, one in self._headers.items()}
        headers |= {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        body = gzip.compress(json.dumps(told, allow_nan=False).encode(), 1)
        try:
            answer = httpx.post(self._url, content=body, headers=headers, timeout=TIMEOUT_S)
        except httpx.HTTPError as error:
            log.warning("otlp_not_taken", error=type(error).__name__)
            return False
        if answer.status_code != httpx.codes.OK:
            log.warning("otlp_not_taken", status=answer.status_code)
            return False
        refused = _refused(answer)
        if refused:
            log.warning("otlp_not_taken", points=refused)
        return not refused


def _refused(answer: httpx.Response) -> int:
    """How many points a collector that took the rest did not take."""
    try:
        told: Any = answer.json()
        return int(told.get("partialSuccess", {}).get("rejectedDataPoints", 0))
    except (ValueError, AttributeError, TypeError):
        return 0
