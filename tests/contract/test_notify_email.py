"""Mail: conversations, privacy of the connection, and what servers refuse."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerting.notifiers.email import Email, EmailConfig
from hub.errors import Unavailable
from tests.support.channels.server import Fault
from tests.support.channels.smtp import PASSWORD, USER, FakeSmtp
from tests.support.messages import HOSTILE, life, opened

LOGIN = {"username": USER, "password": "env:FAKE_SMTP_PASSWORD"}


@pytest.fixture
def fake() -> Iterator[FakeSmtp]:
    with FakeSmtp() as fake:
        yield fake


@pytest.fixture(scope="module")
def cert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate that nobody trusts, for localhost."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl: Debian's openssl has it")
    folder = tmp_path_factory.mktemp("cert")
    asked = "req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=localhost -keyout key -out crt"
    command = ["openssl", *asked.split(), "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    both = folder / "both"
    both.write_text((folder / "key").read_text() + (folder / "crt").read_text())
    return both


@pytest.fixture(params=["starttls", "tls"])
def private(
    request: pytest.FixtureRequest, cert: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[FakeSmtp, dict[str, Any]]]:
    """A server that wants a private connection and a login, and the settings for it."""
    monkeypatch.setenv("FAKE_SMTP_PASSWORD", PASSWORD)
    with FakeSmtp(cert, tls=request.param == "tls") as fake:
        yield fake, {"host": "localhost", "security": request.param, **LOGIN}


def make(fake: FakeSmtp, **other: Any) -> Email:
    config = EmailConfig.model_validate(fake.settings() | other)
    return Email(config, "mail", allowed=["127.0.0.1", "::1"])


def live(fake: FakeSmtp, message: Any = None, **other: Any) -> None:
    held: dict[str, Any] = {}
    for delivery in life(message) if message else life():
        held = make(fake, **other).deliver(delivery, held)


# -- conversations -------------------------------------------------------------------------------


def test_all_mails_of_an_incident_are_one_conversation(fake: FakeSmtp) -> None:
    live(fake)
    assert len({mail["References"] for mail in fake.mails}) == 1
    assert len({mail["Message-ID"] for mail in fake.mails}) == 4
    subjects = [mail["Subject"].removeprefix("Re: ") for mail in fake.mails]
    assert len(set(subjects)) == 1
    assert [mail["Subject"].startswith("Re: ") for mail in fake.mails] == [False, True, True, True]


def test_another_incident_is_another_conversation(fake: FakeSmtp) -> None:
    for key in ("one", "two"):
        make(fake).deliver(opened(key=key), {})
    assert len({mail["References"] for mail in fake.mails}) == 2


def test_a_mail_that_may_have_been_sent_has_the_same_id_again(fake: FakeSmtp) -> None:
    for _ in range(2):
        make(fake).deliver(opened(), {})
    assert len({mail["Message-ID"] for mail in fake.mails}) == 1


def test_text_and_html_tell_the_same(fake: FakeSmtp) -> None:
    make(fake).deliver(opened(), {})
    for kind in ("plain", "html"):
        told = fake.text(0, kind)
        for part in ("warehouse.load_orders failed", "pg_stat_activity", "incident?id=4711"):
            assert part in told


def test_no_vacation_note_is_asked_for(fake: FakeSmtp) -> None:
    make(fake).deliver(opened(), {})
    assert fake.mails[0]["Auto-Submitted"] == "auto-generated"


# -- what comes from outside ---------------------------------------------------------------------


def test_names_and_errors_become_neither_headers_nor_html(fake: FakeSmtp) -> None:
    live(fake, HOSTILE)
    for number, mail in enumerate(fake.mails):
        assert mail["Bcc"] is None
        page = fake.text(number, "html")
        assert "<script" not in page
        assert "<img" not in page
        assert "javascript:alert(1)" not in page.replace("[a](javascript:alert(1))", "")


def test_a_line_of_a_single_dot_ends_nothing(fake: FakeSmtp) -> None:
    make(fake).deliver(opened(HOSTILE), {})
    assert "From me" in fake.text(0)


@pytest.mark.parametrize("to", ["a@b.c\r\nBcc: x@y.z", "a", "@b", "a b@c.d", "A <a@b.c>"])
def test_an_address_is_only_an_address(fake: FakeSmtp, to: str) -> None:
    with pytest.raises(ValueError, match="plain addresses"):
        make(fake, to=[to])


# -- the connection ------------------------------------------------------------------------------


def test_a_private_connection_is_made_before_the_password_is_sent(
    private: tuple[FakeSmtp, dict[str, Any]], cert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, settings = private
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    live(fake, **settings)
    assert (fake.logins, fake.count()) == (4, 4)


def test_a_certificate_that_is_not_trusted_is_permanent(
    private: tuple[FakeSmtp, dict[str, Any]],
) -> None:
    fake, settings = private
    with pytest.raises(Unavailable, match="not trusted") as caught:
        make(fake, **settings).deliver(opened(), {})
    assert caught.value.permanent
    assert fake.logins == 0


def test_a_wrong_password_is_permanent_and_never_told(
    private: tuple[FakeSmtp, dict[str, Any]],
) -> None:
    """The server repeats what it was sent."""
    fake, settings = private
    fake.fail(Fault.UNAUTHORIZED)
    with pytest.raises(Unavailable, match="check username and password") as caught:
        make(fake, verify=False, **settings).deliver(opened(), {})
    assert caught.value.permanent
    assert PASSWORD not in str(caught.value)
    assert "AHRyYWNrc2lkZQ" not in str(caught.value)  # base64 of the login


def test_a_password_that_is_not_set_is_named(private: tuple[FakeSmtp, dict[str, Any]]) -> None:
    fake, settings = private
    with pytest.raises(Unavailable, match="env:NOT_SET") as caught:
        make(fake, verify=False, **settings | {"password": "env:NOT_SET"}).deliver(opened(), {})
    assert caught.value.permanent


def test_a_server_without_starttls_gets_no_password(
    fake: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_SMTP_PASSWORD", PASSWORD)
    with pytest.raises(Unavailable, match="security") as caught:
        make(fake, security="starttls", **LOGIN).deliver(opened(), {})
    assert caught.value.permanent


def test_a_password_is_not_sent_in_the_open(fake: FakeSmtp) -> None:
    with pytest.raises(ValueError, match="only sent over starttls or tls"):
        make(fake, **LOGIN)


# -- who is refused ------------------------------------------------------------------------------


def test_who_is_refused_while_others_are_not_is_held(fake: FakeSmtp) -> None:
    fake.unknown = {"data@example.org"}
    held = make(fake).deliver(opened(), {})
    assert held["refused"] == ["data@example.org"]
    assert fake.recipients == [["oncall@example.org"]]


def test_if_all_are_refused_it_is_an_error(fake: FakeSmtp) -> None:
    fake.unknown = {"data@example.org", "oncall@example.org"}
    with pytest.raises(Unavailable, match="check `to`") as caught:
        make(fake).deliver(opened(), {})
    assert caught.value.permanent
