"""A real Chromium, spoken to over its DevTools protocol: pages as people see them.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import ClientConnection, connect

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or ""
START_S: Final = 60.0
_LISTENS: Final = re.compile(r"DevTools listening on (ws://\S+)")


class Browser:
    """One window of a headless browser with a profile of its own."""

    def __init__(self, folder: Path, width: int = 1280, height: int = 900) -> None:
        self._said = folder / "chromium.err"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [
                    CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                    f"--user-data-dir={folder / 'profile'}", f"--window-size={width},{height}",
                    "--remote-debugging-port=0", "about:blank",
                ],
                stdout=subprocess.DEVNULL, stderr=said,
            )  # fmt: skip
        self._numbers = count(1)
        self._held = ExitStack()
        self._held.callback(self._process.wait, START_S)
        self._held.callback(self._process.terminate)
        self._events: list[dict[str, Any]] = []
        self._page = self._connected()
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def open(self, url: str, until: str = "true") -> list[str]:
        """Goes to an address and waits for it, and for an expression to be true; what the page
        complained of.
        """
        self._events.clear()
        self.ask("Page.navigate", url=url)
        self.wait(f"location.href != 'about:blank' && document.readyState == 'complete' && {until}")
        time.sleep(0.3)  # what a page does by itself as soon as it is there
        return self.complaints()

    def complaints(self) -> list[str]:
        """What the pages have complained of since an address was gone to."""
        self.evaluate("1")
        return [text for event in self._events for text in _complaint(event)]

    def wait(self, expression: str, within_s: float = 30.0) -> None:
        end = time.monotonic() + within_s
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.05)

    def evaluate(self, expression: str) -> Any:
        """What an expression is on the page; raises AssertionError if it throws."""
        told = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def text(self) -> str:
        return str(self.evaluate("document.documentElement.outerHTML"))

    def click(self, selector: str) -> None:
        """Clicks the first such element, and waits until what it leads to is there."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
        time.sleep(0.2)
        self.wait("document.readyState == 'complete'")

    def sign_in(self, url: str, token: str) -> None:
        """As a person does, with a token of the hub at `url`."""
        self.open(f"{url}/sign-in")
        self.evaluate(f"document.querySelector('input[name=token]').value = {json.dumps(token)}")
        self.click("form[action=sign-in] button")
        self.wait("document.querySelector('form[action=sign-out]')")

    def look(self, *, dark: bool = False, width: int = 1280, height: int = 900) -> None:
        """How whoever sits there sees pages from now on."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **screen)

    def picture(self, file: Path) -> None:
        told = self.ask("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(told["data"]))

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Sends a command and waits for its answer; events that come meanwhile are kept."""
        number = next(self._numbers)
        self._page.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(self._page.recv(timeout=START_S))
            if told.get("id") == number:
                assert "error" not in told, told
                return dict(told["result"])
            self._events.append(told)

    def _connected(self) -> ClientConnection:
        end = time.monotonic() + START_S
        while not (found := _LISTENS.search(self._said.read_text(errors="replace"))):
            assert time.monotonic() < end, self._said.read_text(errors="replace")[-2000:]
            time.sleep(0.05)
        where = urlsplit(found[1]).netloc
        (page, *_) = [p for p in httpx.get(f"http://{where}/json").json() if p["type"] == "page"]
        return self._held.enter_context(connect(page["webSocketDebuggerUrl"], max_size=None))


def _complaint(event: dict[str, Any]) -> list[str]:
    """What the console would show of it in yellow or red, or as a word on the page's forms."""
    told = event.get("params", {})
    if event.get("method") == "Runtime.exceptionThrown":
        return [json.dumps(told["exceptionDetails"])[:1000]]
    if event.get("method") == "Log.entryAdded":
        return [f"{told['entry']['text']} {told['entry'].get('url', '')}"]
    if event.get("method") == "Runtime.consoleAPICalled" and told["type"] in {"error", "warning"}:
        return [json.dumps(told["args"])[:1000]]
    return []
