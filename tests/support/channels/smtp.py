"""A mail server on loopback: strict about order, line lengths, headers, and who may send."""

from __future__ import annotations

import base64
import socket
import socketserver
import ssl
import threading
from collections import deque
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.channels.server import Fault, Json

USER, PASSWORD = "trackside", "mail-password-0123456789"


class FakeSmtp:
    """cert: a file with key and certificate, with which STARTTLS and a login are wanted."""

    def __init__(self, cert: Path | None = None, *, tls: bool = False) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.unknown: set[str] = set()
        self.logins = 0
        self.faults: deque[Fault] = deque()
        self.refused: list[str] = []
        self.stopped = threading.Event()
        self.context: ssl.SSLContext | None = None
        self.tls = tls
        if cert:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(cert)
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def settings(self) -> Json:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "security": "none",
            "sender": "trackside@example.org",
            "to": ["oncall@example.org", "data@example.org"],
        }

    def secrets(self) -> dict[str, str]:
        return {"FAKE_SMTP_PASSWORD": PASSWORD}

    def count(self) -> int:
        return len(self.mails)

    def standing(self, key: str) -> str | None:
        if not self.mails:
            return None
        word = self.text(-1).partition(":")[0]
        return word if word in {"ACKNOWLEDGED", "RESOLVED"} else "OPEN"

    def text(self, number: int, kind: str = "plain") -> str:
        part = self.mails[number].get_body((kind,))
        assert part is not None
        return str(part.get_content())

    def fail(self, *faults: Fault) -> None:
        self.faults.extend(faults)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()


class _Conversation:
    """One session, by the letter of RFC 5321."""

    def __init__(self, server: FakeSmtp, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.secure = server.tls
        self.greeted = False
        self.known = server.context is None
        self.sender: str | None = None
        self.to: list[str] = []

    def hold(self) -> None:
        fault = self.server.faults.popleft() if self.server.faults else None
        self.fault = fault
        if fault is Fault.HANGS:
            self.server.stopped.wait(30)
            return None
        if fault is Fault.TRICKLES:
            while not self.server.stopped.wait(0.05):
                self.sock.sendall(b"2")
        if fault is Fault.BROKEN:
            return self.say(421, "too busy")
        if self.server.tls:
            self._wrap()
        self.say(220, "fake ESMTP")
        while self.step(self.line()):
            pass
        return None

    def step(self, line: bytes) -> bool:
        """False: it is over."""
        if len(line) > 512:
            self.no(500, "line too long")
            return True
        verb, _, rest = line.decode("ascii").strip().partition(" ")
        does = getattr(self, "do_" + verb.lower(), None)
        if does is None:
            self.no(502, f"what is {verb}?")
            return bool(verb)
        return does(rest) is not False

    def do_ehlo(self, rest: str) -> None:
        self.greeted = bool(rest)
        can = ["fake", "8BITMIME", "SIZE 10000000"]
        if self.server.context and not self.secure:
            can.append("STARTTLS")
        if self.server.context and self.secure:
            can.append("AUTH PLAIN")
        lines = [f"250-{each}" for each in can[:-1]] + [f"250 {can[-1]}"]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n")

    def do_starttls(self, _: str) -> None:
        self.say(220, "go ahead")
        self._wrap()
        self.secure, self.greeted = True, False

    def do_auth(self, rest: str) -> None:
        right = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
        if not self.secure or not self.greeted:
            self.no(503, "first STARTTLS")
        elif self.fault is Fault.UNAUTHORIZED or rest != f"PLAIN {right}":
            self.no(535, f"authentication failed: {rest}")
        else:
            self.known = True
            self.server.logins += 1
            self.say(235, "welcome")

    def do_mail(self, rest: str) -> None:
        if not self.greeted or not self.known:
            return self.no(530, "log in first")
        if self.fault is Fault.BUSY:
            return self.no(451, "greylisted")
        self.sender = rest[len("FROM:") :].split(" ", maxsplit=1)[0].strip("<>")
        return self.say(250, "ok")

    def do_rcpt(self, rest: str) -> None:
        address = rest[len("TO:") :].strip("<>")
        if self.sender is None:
            return self.no(503, "first MAIL")
        if address in self.server.unknown or self.fault is Fault.REFUSED:
            return self.no(550, f"no such user: {address}")
        self.to.append(address)
        return self.say(250, "ok")

    def do_data(self, _: str) -> bool:
        if not self.to:
            self.no(503, "first RCPT")
            return True
        self.say(354, "go on")
        lines = []
        while (line := self.line()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        if wrong := self._take(b"".join(lines)):
            self.no(554, wrong)
            return True
        if self.fault is Fault.LOST:
            return False
        self.say(250, "queued")
        return True

    def do_rset(self, _: str) -> None:
        self.sender, self.to = None, []
        self.say(250, "ok")

    def do_noop(self, _: str) -> None:
        self.say(250, "ok")

    def do_quit(self, _: str) -> bool:
        self.say(221, "bye")
        return False

    def _take(self, raw: bytes) -> str | None:
        if any(len(line) > 998 for line in raw.split(b"\r\n")):
            return "line over 998 characters"
        mail = message_from_bytes(raw, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        for name in ("From", "Date", "Message-ID", "Subject", "To"):
            if len(mail.get_all(name, [])) != 1:
                return f"{name} must be there once"
        self.server.mails.append(mail)
        self.server.recipients.append(self.to)
        return None

    def _wrap(self) -> None:
        assert self.server.context
        self.sock = self.server.context.wrap_socket(self.sock, server_side=True)

    def line(self) -> bytes:
        found = b""
        while not found.endswith(b"\r\n"):
            more = self.sock.recv(1)
            if not more:
                raise ConnectionError
            found += more
        return found

    def say(self, code: int, text: str) -> None:
        self.sock.sendall(f"{code} {text}\r\n".encode())

    def no(self, code: int, text: str) -> None:
        self.server.refused.append(f"{code} {text}")
        self.say(code, text)


def _handler(server: FakeSmtp) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        request: Any

        def handle(self) -> None:
            talk = _Conversation(server, self.request)
            with suppress(OSError, ssl.SSLError):
                talk.hold()
            with suppress(OSError):
                talk.sock.close()

    return Handler
