"""Tokens, teams, the audit log and the authenticator, on both engines."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any, TypeVar

import pytest

from hub.access import ANONYMOUS, OPEN, Kind, Scope, digest_of
from hub.authenticator import TTL_S, Authenticator
from hub.errors import BadInput, ConfigError, Conflict, NotFound
from hub.settings import Settings
from hub.store import access
from hub.store.access import NewToken
from hub.store.db import Database
from hub.store.migrate import migrate
from hub.store.reading import Page
from hub.tokens import Issued, begin, issue, revoke, set_private

T = TypeVar("T")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Desk:
    """The one writer, without a thread, and a clock to move."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.now = NOW
        self.authenticators: list[Authenticator] = []

    def call(self, function: Callable[[Any], T]) -> T:
        with self.db.writing() as connection:
            return function(connection)

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def issue(self, name: str = "ann", *scopes: str, **more: Any) -> Issued:
        wanted = NewToken(name, scopes or ("read",), **more)
        return self.call(lambda c: issue(c, wanted, actor="root", now=self.now))

    def revoke(self, token_id: int) -> access.Token:
        return self.call(lambda c: revoke(c, token_id, actor="root", now=self.now))

    def touch(self, used: dict[int, datetime]) -> None:
        self.call(lambda c: access.touch_tokens(c, used))

    def tokens(self) -> list[access.Token]:
        with self.db.reading() as connection:
            return access.list_tokens(connection)

    def authenticator(self, **settings: Any) -> Authenticator:
        made = Authenticator(
            self.db,
            self,
            Settings(**settings),
            clock=lambda: self.now.timestamp(),  # noqa: PLW0108  `now` moves
            now=lambda: self.now,
        )
        self.authenticators.append(made)
        return made

    def close(self) -> None:
        for each in self.authenticators:
            each.close()
        self.db.close()


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    db = Database(database_url)
    migrate(db)
    desk = Desk(db)
    yield desk
    desk.close()


def bearer(issued: Issued) -> bytes:
    return f"Bearer {issued.text}".encode()


# -- the store ---------------------------------------------------------------------------------


def test_a_token_comes_back_as_it_was_made(desk: Desk) -> None:
    made = desk.issue(
        "airflow",
        "ingest",
        team="sales",
        orchestrator="af1",
        namespaces=("sales-*", "x"),
        expires_at=NOW + timedelta(days=3),
    )
    assert desk.tokens() == [made.token]
    assert made.token.created_by == "root"
    assert made.token.namespaces == ("sales-*", "x")


def test_the_store_keeps_no_token_only_its_digest(desk: Desk) -> None:
    made = desk.issue()
    with desk.db.reading() as connection:
        row = connection.exec_driver_sql("SELECT * FROM token").one()
        found = access.find_token(connection, digest_of(made.text))
    assert made.text not in repr(row)
    assert found == made.token


def test_two_live_tokens_do_not_share_a_name(desk: Desk) -> None:
    first = desk.issue("ann")
    with pytest.raises(Conflict, match="'ann' already"):
        desk.issue("ann")
    desk.revoke(first.token.id)
    desk.issue("ann", expires_at=desk.now + timedelta(seconds=1))
    desk.later(seconds=1)
    assert desk.issue("ann").token.id == 3


def test_a_revoked_token_stays_revoked_since_the_first_time(desk: Desk) -> None:
    made = desk.issue()
    desk.revoke(made.token.id)
    desk.later(hours=1)
    assert desk.revoke(made.token.id).revoked_at == NOW


def test_a_token_that_is_not_there_can_not_be_revoked(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.revoke(77)


def test_revoked_tokens_count_so_that_a_hub_does_not_fall_open(desk: Desk) -> None:
    with desk.db.reading() as connection:
        assert not access.has_tokens(connection)
    desk.revoke(desk.issue().token.id)
    with desk.db.reading() as connection:
        assert access.has_tokens(connection)
        assert access.count_tokens(connection) == 1


def test_use_is_noted_and_never_goes_back(desk: Desk) -> None:
    made = desk.issue()
    for at in (NOW, NOW - timedelta(hours=1)):
        desk.touch({made.token.id: at})
    assert desk.tokens()[0].last_used_at == NOW


def test_a_token_makes_its_team_and_leaves_a_private_one_private(desk: Desk) -> None:
    desk.issue("a", team="sales")
    desk.call(lambda c: set_private(c, "sales", private=True, actor="root", now=NOW))
    desk.issue("b", team="sales")
    with desk.db.reading() as connection:
        assert access.list_teams(connection) == [access.Team("sales", True, NOW)]


def test_what_people_do_stands_in_the_audit_log_without_the_secret(desk: Desk) -> None:
    made = desk.issue("ann", "ingest", namespaces=("x",))
    desk.revoke(made.token.id)
    desk.call(lambda c: set_private(c, "hr", private=True, actor="root", now=NOW))
    with desk.db.reading() as connection:
        actions = access.list_actions(connection, Page()).items
    assert [(a.actor, a.action, a.subject) for a in actions] == [
        ("root", "team_changed", "team:hr"),
        ("root", "token_revoked", "token:ann"),
        ("root", "token_created", "token:ann"),
    ]
    assert actions[-1].detail["namespaces"] == ["x"]
    assert made.text not in repr(actions)


def test_the_audit_log_is_read_page_by_page_while_it_grows(desk: Desk) -> None:
    def act(number: int) -> None:
        at = NOW + timedelta(seconds=number // 3)  # several at the same instant
        desk.call(lambda c: access.record_action(c, "ann", "x", str(number), now=at))

    for number in range(10):
        act(number)
    seen, cursor = [], None
    while True:
        with desk.db.reading() as connection:
            found = access.list_actions(connection, Page(limit=3, after=cursor))
        seen += [int(action.subject) for action in found.items]
        act(100)
        cursor = found.next
        if cursor is None:
            break
    assert seen == list(range(9, -1, -1))


def test_a_cursor_of_another_list_is_bad_input(desk: Desk) -> None:
    with desk.db.reading() as connection, pytest.raises(BadInput):
        access.list_actions(connection, Page(after="nonsense"))


# -- the authenticator -------------------------------------------------------------------------


def test_a_token_is_known_with_all_that_was_granted(desk: Desk) -> None:
    made = desk.issue("af", "ingest", team="sales", orchestrator="af1", namespaces=("s*",))
    who = desk.authenticator().verify(bearer(made))
    assert (who.name, who.kind) == ("af", Kind.TOKEN)
    assert who.scopes == {Scope.INGEST}
    assert who.teams == {"sales"}
    assert (who.orchestrator, who.namespaces) == ("af1", ("s*",))


def test_what_was_verified_is_known_without_the_store(desk: Desk) -> None:
    authenticator = desk.authenticator()
    header = bearer(desk.issue())
    assert authenticator.known(header) is None
    verified = authenticator.verify(header)
    assert authenticator.known(header) is verified


def test_a_revocation_holds_elsewhere_after_five_seconds(desk: Desk) -> None:
    made = desk.issue()
    replica = desk.authenticator()
    replica.verify(bearer(made))
    desk.revoke(made.token.id)
    desk.later(seconds=TTL_S)
    assert replica.known(bearer(made)) is None
    assert "was revoked at 2026-01-01 12:00 UTC" in replica.verify(bearer(made)).refusal


def test_a_revocation_holds_here_at_once(desk: Desk) -> None:
    made = desk.issue()
    here = desk.authenticator()
    here.verify(bearer(made))
    desk.revoke(made.token.id)
    here.forget()
    assert here.verify(bearer(made)).kind is Kind.ANONYMOUS


def test_a_revocation_in_the_middle_of_a_verification_is_not_lost(desk: Desk) -> None:
    made = desk.issue()
    here = desk.authenticator()
    here._now = lambda: (here.forget(), desk.now)[1]  # type: ignore[func-returns-value]
    here.verify(bearer(made))
    assert here.known(bearer(made)) is None


def test_a_token_expires_to_the_second_also_while_it_is_remembered(desk: Desk) -> None:
    made = desk.issue(expires_at=NOW + timedelta(seconds=2))
    authenticator = desk.authenticator()
    assert authenticator.verify(bearer(made)).kind is Kind.TOKEN
    desk.later(seconds=2)
    assert "expired at" in authenticator.verify(bearer(made)).refusal


@pytest.mark.parametrize("header", [b"Bearer tsk_unknown", b"Basic YTpi", b"Bearer", b"\xff", b""])
def test_a_stranger_is_anonymous_where_there_are_tokens(desk: Desk, header: bytes) -> None:
    desk.issue()
    authenticator = desk.authenticator()
    who = authenticator.verify(header)
    assert who.kind is Kind.ANONYMOUS
    assert who.refusal
    assert authenticator.known(header) is who  # made-up tokens don't wear out the store


def test_nobody_is_anonymous_where_there_are_tokens(desk: Desk) -> None:
    assert desk.authenticator().verify(None) is OPEN
    desk.issue()
    assert desk.authenticator().verify(None) is ANONYMOUS


def test_a_hub_on_loopback_without_tokens_is_open_also_for_unknown_ones(desk: Desk) -> None:
    assert desk.authenticator().verify(b"Bearer anything") is OPEN


def test_a_hub_that_others_can_reach_is_open_only_if_told_insecure(desk: Desk) -> None:
    assert desk.authenticator(host="0.0.0.0").verify(None) is ANONYMOUS
    assert desk.authenticator(host="0.0.0.0", insecure=True).verify(None) is OPEN


def test_the_scheme_is_bearer_in_any_case(desk: Desk) -> None:
    made = desk.issue()
    assert desk.authenticator().verify(f"bearer  {made.text} ".encode()).name == "ann"


def test_use_is_noted_at_most_each_minute(desk: Desk) -> None:
    made = desk.issue()
    for seconds, noted in ((0, NOW), (30, NOW), (60, NOW + timedelta(seconds=90))):
        desk.later(seconds=seconds)
        authenticator = desk.authenticator()
        authenticator.verify(bearer(made))
        authenticator.close()
        assert desk.tokens()[0].last_used_at == noted


def test_a_flood_of_tokens_does_not_fill_the_memory(desk: Desk) -> None:
    authenticator = desk.authenticator()
    for number in range(20_000):
        authenticator._remember(b"%d" % number, ANONYMOUS, TTL_S)
    assert len(authenticator._known) <= 10_000


# -- the first token -------------------------------------------------------------------------------

FIRST = "tsk_" + "a1B" * 14 + "z"


def test_the_first_token_is_an_admins_and_is_made_once(desk: Desk) -> None:
    assert desk.call(lambda c: begin(c, FIRST, reference="env:FIRST", now=NOW))
    assert not desk.call(lambda c: begin(c, FIRST[:-1] + "y", reference="env:FIRST", now=NOW))
    (made,) = desk.tokens()
    assert (made.name, made.scopes, made.created_by) == ("first", ("admin",), "env:FIRST")


def test_a_first_token_that_was_revoked_does_not_come_back(desk: Desk) -> None:
    desk.call(lambda c: begin(c, FIRST, reference="env:FIRST", now=NOW))
    desk.revoke(desk.tokens()[0].id)
    assert not desk.call(lambda c: begin(c, FIRST, reference="env:FIRST", now=NOW))
    assert len(desk.tokens()) == 1


@pytest.mark.parametrize("text", ["", "tsk_short", "hunter2", FIRST + "x", FIRST[:-1] + "-"])
def test_what_is_no_token_is_refused_and_not_repeated(text: str, desk: Desk) -> None:
    with pytest.raises(ConfigError, match="what env:FIRST holds is no token") as refused:
        desk.call(lambda c: begin(c, text, reference="env:FIRST", now=NOW))
    assert not text or text not in str(refused.value)
    assert desk.tokens() == []


def test_replicas_that_start_together_make_one_first_token(desk: Desk) -> None:
    both = Barrier(4)

    def start(_: int) -> bool:
        both.wait(30)
        return desk.call(lambda c: begin(c, FIRST, reference="env:FIRST", now=NOW))

    with ThreadPoolExecutor(4) as replicas:
        assert sorted(replicas.map(start, range(4))) == [False, False, False, True]
    assert len(desk.tokens()) == 1
