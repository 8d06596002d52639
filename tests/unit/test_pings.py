"""What a ping comes to, by where the runs of its heartbeat stand; and what its URL says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.api.pings import Answer, asked_of
from hub.model import EntityName, EventType, Schedule
from hub.record.heartbeats import LOG_TAIL, Heard, forgotten, heard_of, is_off
from hub.record.incoming import IncomingPing, PingKind
from hub.store.heartbeats import MOST_OPEN, Heartbeat, HeartbeatRun, Owner, Runs
from hub.store.types import to_micros

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ONE = Heartbeat(
    id=1,
    job=EntityName("web1", "backup"),
    slug="backup",
    schedule=None,
    anchor=NOON,
    owner=Owner("ann"),
    created_at=NOON,
    pinged_at=None,
)
RID, OTHER = "rid-1", "rid-2"


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


class World:
    """The runs of one heartbeat, moved by pings."""

    def __init__(self) -> None:
        self.runs: Runs = {}

    def ping(
        self, word: str, minute: float, rid: str = "", *, status: int | None = None, log: str = ""
    ) -> Heard:
        ping = IncomingPing(
            heartbeat=1,
            kind=PingKind(word),
            received_at=to_micros(at(minute)),
            rid=rid,
            exit_status=status,
            log=log,
        )
        heard = heard_of(ONE, self.runs, ping)
        self.runs.update(heard.runs)
        return heard


def kinds(heard: Heard) -> list[str]:
    return [said.kind.value for said in heard.said]


def test_a_ping_alone_is_a_run_of_no_length() -> None:
    heard = World().ping("success", 0)
    assert kinds(heard) == ["START", "COMPLETE"]
    assert heard.began
    assert heard.said[1].run.started_at == heard.said[1].run.ended_at == at(0)


def test_what_was_started_is_what_ends() -> None:
    world = World()
    start = world.ping("start", 0).said[0].run
    end = world.ping("success", 5)
    assert kinds(end) == ["COMPLETE"]
    assert not end.began
    assert (end.said[0].run.run_id, end.said[0].run.started_at) == (start.run_id, at(0))


def test_runs_at_a_time_are_told_apart_by_their_rid() -> None:
    world = World()
    first, second = (world.ping("start", n, rid).said[0].run for n, rid in ((0, RID), (1, OTHER)))
    assert world.ping("success", 5, OTHER).said[0].run.run_id == second.run_id
    assert world.ping("fail", 6, RID).said[0].run.run_id == first.run_id


def test_the_next_start_ends_a_run_that_did_not_say_how_it_ended() -> None:
    world = World()
    first = world.ping("start", 0).said[0].run
    heard = world.ping("start", 60)
    assert kinds(heard) == ["ABORT", "START"]
    assert heard.said[0].run.run_id == first.run_id
    assert heard.said[1].run.run_id != first.run_id


@pytest.mark.parametrize("word", ["start", "success", "fail"])
def test_a_ping_of_a_rid_that_comes_twice_is_of_the_same_run(word: str) -> None:
    world = World()
    world.ping("start", 0, RID)
    first = world.ping(word, 1, RID).said
    again = world.ping(word, 2, RID).said
    assert {said.run.run_id for said in (*first, *again)} == {first[0].run.run_id}
    assert EventType.START not in {said.kind for said in again}


def test_a_rid_that_is_used_again_begins_another_run() -> None:
    world = World()
    first = world.ping("start", 0, RID).said[0].run
    world.ping("success", 1, RID)
    assert world.ping("start", 60, RID).said[0].run.run_id != first.run_id


@pytest.mark.parametrize("word", ["start", "success", "fail"])
def test_a_ping_that_is_recorded_a_second_time_ends_in_the_same_runs(word: str) -> None:
    """The store may have taken it though its answer was lost on the way."""
    world = World()
    first = world.ping(word, 0).said
    held = dict(world.runs)
    world.ping(word, 0)
    assert world.runs == held
    assert first[0].run.run_id == world.runs[""].run_id


def test_a_failure_says_its_status_and_the_last_line_of_what_it_said() -> None:
    world = World()
    world.ping("start", 0, log="copying")
    told = world.ping("fail", 1, status=3, log="no space left\n\n").said[0]
    assert (told.exit_status, told.error) == (3, "exit status 3: no space left")
    assert told.run.log == "copying\nno space left\n\n"


def test_a_failure_that_says_nothing_has_an_error_all_the_same() -> None:
    assert World().ping("fail", 0).said[1].error == "its ping says that it failed"


def test_a_log_adds_to_the_run_of_its_rid_and_else_to_the_latest() -> None:
    world = World()
    world.ping("start", 0, RID)
    world.ping("start", 1, OTHER)
    assert kinds(world.ping("log", 2, RID, log="mine")) == ["RUNNING"]
    world.ping("success", 3, OTHER)
    assert kinds(world.ping("log", 4, log="late")) == ["OTHER"]
    assert (world.runs[RID].log, world.runs[OTHER].log) == ("mine", "late")


def test_a_log_before_any_run_makes_none() -> None:
    assert World().ping("log", 0, log="hello") == Heard()


def test_of_what_a_run_says_the_end_is_kept() -> None:
    world = World()
    world.ping("start", 0, log="a" * LOG_TAIL)
    assert world.ping("log", 1, log="end").said[0].run.log.endswith("a\nend")
    assert len(world.runs[""].log) == LOG_TAIL


def test_old_runs_and_too_many_that_never_end_are_forgotten() -> None:
    def run(minute: float, *, ended: bool) -> HeartbeatRun:
        end = at(minute) if ended else None
        return HeartbeatRun(run_id=b"", started_at=at(minute), ended_at=end)

    runs = {"old": run(-2000, ended=True), "new": run(-10, ended=True)}
    runs |= {f"open {n}": run(-5000 + n, ended=False) for n in range(MOST_OPEN + 2)}
    assert set(forgotten(runs, NOON)) == {"old", "open 0", "open 1"}


HOURLY = Schedule("interval", "PT3600S", grace_s=600)


@pytest.mark.parametrize(
    ("minute", "off"), [(60, False), (62, False), (58, False), (64, True), (30, True), (150, True)]
)
def test_a_period_counts_from_the_last_run_where_that_was_not_in_step(
    minute: float, *, off: bool
) -> None:
    assert is_off(HOURLY, NOON, at(minute)) is off


def test_a_cron_is_moved_by_no_run() -> None:
    assert not is_off(Schedule("cron", "0 * * * *"), NOON, at(17))


# -- URLs --------------------------------------------------------------------------------------

UUID = "c713fbd3-6441-4664-bdb7-6879c83cb447"


@pytest.mark.parametrize(
    ("behind", "kind", "status"),
    [
        ("", PingKind.SUCCESS, None),
        ("/start", PingKind.START, None),
        ("/fail", PingKind.FAIL, None),
        ("/log", PingKind.LOG, None),
        ("/0", PingKind.SUCCESS, 0),
        ("/1", PingKind.FAIL, 1),
        ("/255", PingKind.FAIL, 255),
    ],
)
def test_what_stands_behind_says_what_happened(
    behind: str, kind: PingKind, status: int | None
) -> None:
    for path, named in ((UUID, (UUID, "", "")), ("key-1/my-slug", (None, "key-1", "my-slug"))):
        asked = asked_of(path + behind, {})
        assert (asked.kind, asked.exit_status) == (kind, status)
        assert (asked.uuid, asked.key, asked.slug) == named


def test_a_uuid_may_be_in_capitals_and_end_in_a_slash() -> None:
    assert asked_of(UUID.upper() + "/", {}).uuid == UUID


@pytest.mark.parametrize(
    "path",
    [
        "",
        "x",
        f"{UUID}/stop/x",
        f"{UUID}/256",
        f"{UUID}/00000",
        "key/slug/begin",
        "key/a b",
        "k/s/",
    ],
)
def test_what_is_no_url_of_ours_is_refused(path: str) -> None:
    with pytest.raises(Answer) as told:
        asked_of(path, {})
    assert (told.value.status, told.value.word) == (400, "invalid url format")


def test_a_rid_is_a_uuid() -> None:
    assert asked_of(UUID, {"rid": UUID.upper()}).rid == UUID
    with pytest.raises(Answer) as told:
        asked_of(UUID, {"rid": "mine"})
    assert (told.value.status, told.value.word) == (400, "invalid uuid format")
