"""The dead-man's switch: somebody outside is told each minute that the hub works.

What is asked for is as Healthchecks has it: the URL itself where all is well, `/fail` behind it
where a loop does not run as it should.
"""

from __future__ import annotations

import httpx
import structlog

from hub.ports import SecretRef

log = structlog.get_logger(__name__)

TIMEOUT_S = 10.0


class Heartbeat:
    def __init__(self, url: str, client: httpx.Client | None = None) -> None:
        """url: or the reference of a secret that holds it."""
        self._told = url
        self._http = client or httpx.Client(timeout=TIMEOUT_S, follow_redirects=False)

    def beat(self, failing: str = "") -> bool:
        """Whether it was heard. failing: the loop that doesn't work, if there is one."""
        url = self._url().rstrip("/")
        try:
            answer = self._http.post(f"{url}/fail" if failing else url, content=failing)
        except httpx.HTTPError as error:
            log.warning("heartbeat_not_heard", error=type(error).__name__)  # a URL may be a secret
            return False
        if not answer.is_success:
            log.warning("heartbeat_not_heard", status=answer.status_code)
        return answer.is_success

    def close(self) -> None:
        self._http.close()

    def _url(self) -> str:
        if self._told.startswith("http"):
            return self._told
        return SecretRef.parse(self._told).resolve().reveal()
