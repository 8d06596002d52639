"""All that a task needs of Trackside: one function."""

import json
import os
from typing import Any
from urllib.request import Request, urlopen


def hub(method: str, path: str, body: object = None, seconds: float = 60) -> Any:
    """The JSON that the hub answers; raises urllib.error.HTTPError, whose body tells why not."""
    token = os.environ.get("TRACKSIDE_TOKEN")
    headers = {"Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    url = os.environ.get("TRACKSIDE_URL", "http://127.0.0.1:8080") + "/api/v1" + path
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, headers, method=method), timeout=seconds) as answer:
        return json.loads(answer.read() or b"null")
