"""Which hosts a hub answers to."""

import pytest

from hub.api.guard import allowed_hosts, host_name
from hub.settings import Settings


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"localhost", b"localhost"),
        (b"LocalHost:8080", b"localhost"),
        (b"127.0.0.1:8080", b"127.0.0.1"),
        (b"[::1]:8080", b"[::1]"),
        (b"::1", b"[::1]"),
        (b"", b""),
    ],
)
def test_a_host_is_named_without_its_port(header: bytes, name: bytes) -> None:
    assert host_name(header) == name


def test_on_loopback_only_names_of_this_computer_are_answered() -> None:
    assert allowed_hosts(Settings()) == frozenset({b"localhost", b"127.0.0.1", b"[::1]"})


def test_the_public_url_and_the_own_address_are_answered() -> None:
    settings = Settings(host="127.0.0.9", public_url="https://hub.example.com:8443/x")
    found = allowed_hosts(settings)
    assert found is not None
    assert found >= {b"127.0.0.9", b"hub.example.com"}


def test_elsewhere_any_host_is_answered_until_the_operator_names_them() -> None:
    assert allowed_hosts(Settings(host="0.0.0.0")) is None
    named = Settings(host="0.0.0.0", allowed_hosts=["hub.example.com"])
    assert allowed_hosts(named) == frozenset({b"hub.example.com"})


def test_a_star_answers_any_host() -> None:
    assert allowed_hosts(Settings(allowed_hosts=["*"])) is None
