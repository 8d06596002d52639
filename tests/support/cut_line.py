"""A line between two programs that can be cut: a TCP relay on loopback."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.support.ports import free_port


class CutLine:
    """Relays to `target` while it is whole; a cut breaks all that is under way, and refuses more."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._target = target
        self._whole = threading.Event()
        self._whole.set()
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def cut(self, seconds: float) -> None:
        """Cut for so long; returns when it is whole again."""
        self._whole.clear()
        for one in list(self._open):
            _drop(one)
        time.sleep(seconds)
        self._whole.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for one in list(self._open):
            _drop(one)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if not self._whole.is_set():
                _drop(near)
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                _drop(near)
                continue
            far.settimeout(None)
            for source, sink in ((near, far), (far, near)):
                self._open.add(source)
                threading.Thread(target=self._relay, args=(source, sink), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass  # it was cut
        for one in (source, sink):
            _drop(one)
        self._open.discard(source)


def _drop(one: socket.socket) -> None:
    with suppress(OSError):  # it is gone already
        one.shutdown(socket.SHUT_RDWR)
    one.close()
