"""Mail over SMTP: text and HTML, one conversation per key in every mail client.

All mails of a key name the same first mail in References and keep its subject, which is what
clients thread by. A Message-ID is made of key and version, so that servers that look for doubles
find them.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from alerting.notifiers.base import BaseNotifier
from alerting.rendering import Section, cut, headline, in_html, links, one_line, plain, sections
from hub.errors import Unavailable
from hub.ports import Delivery, Finding, Grade, Json, NotifierConfig, SecretRef, Standing, notifiers
from hub.reach import PrivateAddressError, connect

TIMEOUT_S: Final = 15.0
#: After which a conversation is broken off, however slowly it goes on.
TOTAL_S: Final = 60.0
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_COLOURS: Final = {
    "critical": "#b3261e",
    "error": "#b3261e",
    "warning": "#b26a00",
    "info": "#1a5fb4",
}


class EmailConfig(NotifierConfig):
    """A mail server, and who is written to."""

    host: str = Field(description="of the mail server")
    port: int | None = Field(
        None, ge=1, le=65_535, description="587 for starttls, 465 for tls, 25 for none"
    )
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="how the connection is kept private; none sends no password"
    )
    username: str | None = Field(None, description="to log in with")
    password: SecretRef | None = Field(None, description="of that user")
    sender: str = Field(description="address that mails come from")
    to: list[str] = Field(min_length=1, max_length=50, description="addresses of who is written to")
    verify: bool = Field(default=True, description="check the server's certificate")

    @field_validator("sender", "to")
    @classmethod
    def _addresses(cls, told: str | list[str]) -> str | list[str]:
        for address in [told] if isinstance(told, str) else told:
            name, _, domain = address.partition("@")
            if not name or not domain or set(address) & set(' ,;:<>()[]\\"\r\n\t'):
                raise ValueError("expected plain addresses such as data-team@example.org")
        return told

    @model_validator(mode="after")
    def _way_to_log_in(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password are given together or not at all")
        if self.password is not None and self.security == "none":
            raise ValueError("a password is only sent over starttls or tls: set security")
        return self


@notifiers.register("email")
class Email(BaseNotifier):
    Config: ClassVar[type[NotifierConfig]] = EmailConfig
    keyed = False
    channel = "mail"
    config: EmailConfig

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        """Who was refused while others were not is held as `refused`."""
        if held.get("version") == delivery.version:
            return held
        subject = held.get("subject") or _subject(delivery)
        mail = self._mail(delivery, subject, again=bool(held))
        with self._session() as session:
            refused = session.send_message(mail, self.config.sender, self.config.to)
        return {"version": delivery.version, "subject": subject, "refused": sorted(refused)}

    def check(self) -> Sequence[Finding]:
        try:
            with self._session() as session:
                session.noop()
        except Unavailable as failure:
            return [Finding("connection", Grade.BAD, str(failure))]
        return [Finding("connection", Grade.GOOD, "connected, and logged in where that is set")]

    def hidden(self) -> Iterator[str]:
        """A login is sent as base64, which some servers repeat."""
        for secret in super().hidden():
            yield secret
            for sent in (secret, f"\0{self.config.username}\0{secret}"):
                yield b64encode(sent.encode()).decode()

    def _mail(self, delivery: Delivery, subject: str, *, again: bool) -> EmailMessage:
        conversation = sha256(delivery.key.encode()).hexdigest()[:32]
        domain = self.config.sender.rpartition("@")[2]
        first = f"<{conversation}@{domain}>"
        mail = EmailMessage()
        mail["Subject"] = f"Re: {subject}" if again else subject
        mail["From"] = self.config.sender
        mail["To"] = ", ".join(self.config.to)
        mail["Date"] = format_datetime(self.clock())
        mail["Message-ID"] = f"<{conversation}.{delivery.version}@{domain}>"
        mail["In-Reply-To"] = mail["References"] = first
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        if delivery.message.severity == "critical" and delivery.standing is Standing.OPEN:
            mail["X-Priority"] = "1"
        mail.set_content(plain(delivery, 50_000), cte="quoted-printable")
        mail.add_alternative(_page(delivery), subtype="html", cte="quoted-printable")
        return mail

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """A session that is logged in; whatever goes wrong in it is an Unavailable."""
        session = _Session(self.config, self.allowed)
        watch = threading.Timer(TOTAL_S, session.break_off)
        watch.daemon = True
        watch.start()
        try:
            session.open()
            if self.config.username and self.config.password:
                session.login(self.config.username, self.reveal(self.config.password))
            yield session
        except (smtplib.SMTPException, OSError, PrivateAddressError) as error:
            raise self._failure(error) from None
        finally:
            watch.cancel()
            with suppress(smtplib.SMTPException, OSError):
                session.quit()
            session.close()

    def _failure(self, error: Exception) -> Unavailable:
        if isinstance(error, PrivateAddressError):
            text = "its server is at a private address: the operator must allow its network first"
            return self.failure(text, permanent=True)
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            code, said = next(iter(error.recipients.values()))
            return self._answered(code, said, "check `to`")
        if isinstance(error, smtplib.SMTPAuthenticationError):
            mend = "check username and password"
            return self._answered(error.smtp_code, error.smtp_error, mend)
        if isinstance(error, smtplib.SMTPResponseException):
            return self._answered(error.smtp_code, error.smtp_error, "")
        if isinstance(error, smtplib.SMTPNotSupportedError):
            text = f"{error}: set `security`, or leave out username and password"
            return self.failure(text, permanent=True)
        if isinstance(error, ssl.SSLCertVerificationError):
            text = f"its certificate is not trusted ({error.verify_message}): mend it there"
            return self.failure(text, permanent=True)
        return self.failure(
            f"its server can't be reached: {type(error).__name__}: {error}", permanent=False
        )

    def _answered(self, code: int, said: bytes | str, mend: str) -> Unavailable:
        told = said.decode(errors="replace") if isinstance(said, bytes) else said
        text = f"its server answered {code}: {cut(one_line(told), 300)}"
        passing = 400 <= code < 500 or code < 0
        return self.failure(f"{text}; {mend}" if mend else text, permanent=not passing)


class _Session(smtplib.SMTP):
    """Connects only to where it may."""

    def __init__(self, config: EmailConfig, allowed: Sequence[str]) -> None:
        self._config = config
        self._allowed = allowed
        super().__init__(local_hostname="trackside", timeout=TIMEOUT_S)

    def open(self) -> None:
        self._host = self._config.host  # the name that STARTTLS checks the certificate for
        self.connect(self._config.host, self._config.port or _PORTS[self._config.security])
        self.ehlo_or_helo_if_needed()
        if self._config.security == "starttls":
            self.starttls(context=self._tls())
            self.ehlo()

    def break_off(self) -> None:
        if self.sock:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        found = connect(host, port, self._allowed, timeout)
        if self._config.security == "tls":
            return self._tls().wrap_socket(found, server_hostname=host)
        return found

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self._config.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _subject(delivery: Delivery) -> str:
    """As the conversation is called all its life, so it tells no state."""
    return cut(f"[{one_line(delivery.message.severity)}] {one_line(delivery.message.title)}", 200)


def _page(delivery: Delivery) -> str:
    message = delivery.message
    colour = _COLOURS.get(message.severity, "#b3261e")
    if delivery.standing is Standing.RESOLVED:
        colour = "#26733f"
    rows = "".join(_row(section) for section in sections(message, 50_000))
    told = " &nbsp; ".join(
        f'<a href="{in_html(link.url)}">{in_html(link.text)}</a>' for link in links(message)
    )
    return (
        '<!doctype html><html><meta charset="utf-8"><body style="font:15px/1.5 sans-serif;color:#222;max-width:44em">'
        f'<p style="font-size:18px;font-weight:bold;border-left:6px solid {colour};'
        f'padding:4px 12px;margin:0 0 12px">{in_html(headline(delivery))}</p>'
        f'<table style="border-collapse:collapse">{rows}</table><p>{told}</p></body></html>'
    )


def _row(section: Section) -> str:
    told = "<br>".join(in_html(line) for line in section.lines)
    if section.code:
        text = in_html(section.text)
        told = f'<pre style="background:#f4f4f4;padding:8px;margin:0;white-space:pre-wrap">{text}</pre>'
    head = f'<th style="text-align:left;vertical-align:top;white-space:nowrap;padding:3px 14px 3px 0">{section.label}</th>'
    return f'<tr>{head}<td style="padding:3px 0">{told}</td></tr>'
