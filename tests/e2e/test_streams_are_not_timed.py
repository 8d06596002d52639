"""A stream lasts as long as somebody listens: it is counted, and is no slow answer."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx

from tests.support.hub_process import HubProcess

ANSWERED = r'trackside_http_requests_total\{method="GET",route="%s",status="200"\} (\S+)'
TIMED = r'trackside_http_request_seconds_count\{route="%s"\} (\S+)'


def test_a_stream_that_ended_is_counted_but_not_timed(tmp_path: Path) -> None:
    with HubProcess(tmp_path) as hub:
        httpx.get(f"{hub.url}/jobs").raise_for_status()
        with httpx.stream("GET", f"{hub.url}/live", timeout=60) as stream:
            assert next(stream.iter_lines()).startswith("event:")
        deadline = time.monotonic() + 60
        while not _figure(hub, ANSWERED % "/live"):
            assert time.monotonic() < deadline, "its end was never noticed"
            time.sleep(0.1)
        assert _figure(hub, TIMED % "/live") == 0
        assert _figure(hub, TIMED % "/jobs") == 1


def _figure(hub: HubProcess, pattern: str) -> float:
    found = re.search(pattern, httpx.get(f"{hub.url}/metrics").text)
    return float(found[1]) if found else 0
