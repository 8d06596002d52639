"""Secrets in AWS Secrets Manager, as moto answers for it; kept for a minute, never shown."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer

from hub.errors import ConfigError
from hub.secrets import SecretRef
from hub.vaults import aws
from hub.vaults.kept import Kept
from tests.support.channels.server import FakeChannel, Reply, Request

VALUE = "hunter2"
REGION = "eu-west-1"
SECRETS = {"team/slack": json.dumps({"token": VALUE, "n": 7}), "plain": VALUE}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def surroundings(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """All that an AWS client is told by; nothing of the machine's own."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    told = {
        "AWS_ACCESS_KEY_ID": "AKIDRIGHT",
        "AWS_SECRET_ACCESS_KEY": "right",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": address,
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    aws.forget_clients()


@pytest.fixture
def there(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of somebody who writes secrets."""
    surroundings(monkeypatch, address)
    client = Session().create_client("secretsmanager", region_name=REGION)
    for name, value in SECRETS.items():
        client.create_secret(Name=name, SecretString=value)
    client.create_secret(Name="binary", SecretBinary=b"\xff")
    yield client
    for name in (*SECRETS, "binary"):
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    aws.forget_clients()


@dataclass
class Clock:
    now: float = 0.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault(clock: Clock) -> Kept:
    return aws.resolver(lambda: clock.now)


def test_a_secret_is_read_by_its_name_its_arn_and_its_field(there: Any, vault: Kept) -> None:
    arn = there.describe_secret(SecretId="team/slack")["ARN"]
    found = [vault("plain"), vault("team/slack#token"), vault(f"{arn}#token")]
    assert found == [VALUE] * 3


def test_an_arn_says_the_region(there: Any, vault: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = there.describe_secret(SecretId="plain")["ARN"]
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    aws.forget_clients()
    assert vault(arn) == VALUE
    with pytest.raises(ConfigError, match="need the variable AWS_REGION"):
        vault("plain")


def test_a_reference_in_settings_reaches_it(there: Any) -> None:
    assert SecretRef.parse("aws-sm:team/slack#token").resolve().reveal() == VALUE


def test_a_rotated_secret_is_used_after_a_minute(there: Any, vault: Kept, clock: Clock) -> None:
    assert vault("plain") == VALUE
    there.put_secret_value(SecretId="plain", SecretString="rotated")
    clock.now = 59
    assert vault("plain") == VALUE
    clock.now = 61
    assert vault("plain") == "rotated"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none", "not there, in this account and region"),
        ("team/slack#none", "no text in the field 'none'"),
        ("team/slack#n", "no text in the field 'n'"),
        ("plain#token", "is no JSON"),
        ("binary", "is binary"),
        ("plain#", "NAME#FIELD"),
        ("#token", "NAME#FIELD"),
    ],
)
def test_what_cant_be_had_is_told_by_name(name: str, told: str, there: Any, vault: Kept) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        vault(name)
    assert VALUE not in str(caught.value)


def test_no_log_holds_a_secret(there: Any, vault: Kept, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        vault("plain")
    assert VALUE not in caplog.text


class Refusing(FakeChannel):
    """Answers as AWS does when it does not want to; the text holds what must not be told."""

    code, status = "AccessDeniedException", 400

    def answer(self, request: Request) -> Reply:
        assert request.headers["x-amz-target"] == "secretsmanager.GetSecretValue"
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDRIGHT/")
        kind = {"Content-Type": "application/x-amz-json-1.1"}
        return Reply(self.status, {"__type": self.code, "Message": VALUE}, kind)


def test_a_refusal_is_believed_at_once_and_absence_is_not(
    there: Any, vault: Kept, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault("plain")
    with Refusing() as refusing:
        surroundings(monkeypatch, refusing.url)
        refusing.code, refusing.status = "InternalServiceError", 500
        clock.now = 3580
        assert vault("plain") == VALUE
        refusing.code, refusing.status = "AccessDeniedException", 400
        clock.now = 3590
        with pytest.raises(ConfigError, match="the role may not read it") as caught:
            vault("plain")
        assert VALUE not in str(caught.value)
        refusing.code, refusing.status = "InternalServiceError", 500
        with pytest.raises(ConfigError, match="AWS answers InternalServiceError"):
            vault("plain")


def test_one_that_does_not_answer_is_told_of(vault: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    surroundings(monkeypatch, "http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="AWS can't be reached"):
        vault("plain")


def test_without_credentials_it_says_so(
    there: Any, vault: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    aws.forget_clients()
    with pytest.raises(ConfigError, match="need AWS credentials"):
        vault("plain")


def test_without_the_extra_it_says_which(vault: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.forget_clients()
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(ConfigError, match=r"pip install 'trackside\[secrets-aws\]'"):
        vault("plain")
