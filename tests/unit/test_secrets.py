"""References to secrets, and that a secret never shows."""

import copy
import json
import pickle
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from hub.errors import ConfigError, Forbidden
from hub.secrets import Secret, SecretRef, require_declared

VALUE = "hunter2"


def test_an_environment_variable_is_read_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = SecretRef.parse("env:SLACK_TOKEN")
    monkeypatch.setenv("SLACK_TOKEN", VALUE)
    assert reference.resolve().reveal() == VALUE
    monkeypatch.setenv("SLACK_TOKEN", "rotated")
    assert reference.resolve().reveal() == "rotated"


def test_a_file_is_read_without_its_last_newline(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f" {VALUE}\n\n")
    assert SecretRef.parse(f"file:{file}").resolve().reveal() == f" {VALUE}\n"


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("env:NOT_THERE", "env:NOT_THERE is not set"),
        ("file:/not/there", "file:/not/there can't be read: No such file"),
        ("vault:kv/slack#token", "need the variable VAULT_ADDR"),
        ("aws-sm:slack#", "expects NAME or NAME#FIELD"),
        ("gcp-sm:slack", "expects PROJECT/SECRET#FIELD"),
    ],
)
def test_a_secret_that_cant_be_had_says_why(reference: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        SecretRef.parse(reference).resolve()


@pytest.mark.parametrize("text", [VALUE, "", "env:", "xoxb:123", "https://h/hunter2"])
def test_a_secret_pasted_in_place_of_a_reference_is_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a reference") as caught:
        SecretRef.parse(text)
    assert text in ("", "env:") or text not in str(caught.value)


@pytest.mark.parametrize("text", ["file:token", "file:/run/secrets/../shadow", "env:A B"])
def test_a_reference_names_exactly_one_place(text: str) -> None:
    with pytest.raises(ConfigError, match="expects"):
        SecretRef.parse(text)


def test_a_secret_never_shows_by_accident() -> None:
    secret = Secret(VALUE)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>30}", repr({"x": [secret]})]
    assert not [text for text in shown if VALUE in text]
    for leak in (pickle.dumps, copy.copy, json.dumps):
        with pytest.raises(TypeError) as caught:
            leak(secret)
        assert VALUE not in str(caught.value)
    assert secret == Secret(VALUE)
    assert secret != VALUE


def test_a_reference_is_a_field_of_a_configuration() -> None:
    class Config(BaseModel):
        token: SecretRef

    config = Config.model_validate({"token": "env:SLACK_TOKEN"})
    assert config.token == SecretRef("env", "SLACK_TOKEN")
    assert config.model_dump(mode="json") == {"token": "env:SLACK_TOKEN"}
    assert Config.model_json_schema()["properties"]["token"]["type"] == "string"
    with pytest.raises(ValidationError, match="is it the secret itself"):
        Config.model_validate({"token": 7})


def test_a_team_may_name_only_what_the_operator_declared_for_it() -> None:
    declared = ["env:DATA_*", "file:/run/secrets/data/token"]
    require_declared(SecretRef.parse("env:DATA_SLACK"), declared)
    require_declared(SecretRef.parse("file:/run/secrets/data/token"), declared)
    with pytest.raises(Forbidden, match="env:OPS_SLACK was not declared"):
        require_declared(SecretRef.parse("env:OPS_SLACK"), declared)
