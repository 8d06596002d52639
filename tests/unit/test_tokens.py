"""Which tokens make sense."""

from datetime import UTC, datetime, timedelta

import pytest

from hub.errors import BadInput
from hub.store.access import NewToken, Token
from hub.tokens import Issued, check

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (NewToken("", ("read",)), "name"),
        (NewToken("a b", ("read",)), "name"),
        (NewToken("x" * 64, ("read",)), "name"),
        (NewToken("a", ()), "scopes"),
        (NewToken("a", ("root",)), "scopes"),
        (NewToken("a", ("ingest",)), "namespaces"),
        (NewToken("a", ("operate",)), "namespaces"),
        (NewToken("a", ("ingest",), namespaces=("",)), "namespaces[0]"),
        (NewToken("a", ("ingest",), namespaces=("x" * 256,)), "namespaces[0]"),
        (NewToken("a", ("ingest",), namespaces=("x",) * 101), "namespaces"),
        (NewToken("a", ("read",), team="a/b"), "team"),
        (NewToken("a", ("read",), orchestrator=""), "orchestrator"),
        (NewToken("a", ("read",), expires_at=NOW), "expiresAt"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused_by_name_of_field(
    wanted: NewToken, path: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        check(wanted, NOW)
    assert refusal.value.path == path


@pytest.mark.parametrize(
    "wanted",
    [
        NewToken("a", ("read",)),
        NewToken("a", ("admin",)),
        NewToken("airflow-prod", ("ingest",), namespaces=("sales-*",), team="sales"),
        NewToken("a", ("read", "operate"), namespaces=("*",), expires_at=NOW + timedelta(1)),
    ],
)
def test_other_tokens_are_fine(wanted: NewToken) -> None:
    check(wanted, NOW)


def test_an_issued_token_is_not_told_by_its_repr() -> None:
    token = Token(1, "a", (), None, None, (), None, NOW, None, None, None)
    assert "tsk_" not in repr(Issued(token, "tsk_secret"))
