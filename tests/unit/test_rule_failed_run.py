"""Failed runs: in a row or so many of the last, what sort of failure, and what to do."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from hub.model import RunState
from hub.rules.base import Judgement, Status
from hub.rules.failed_run import FailedRun, Failures
from tests.support.judged import at, run, seen, statuses

VIOLATED, OK = Status.VIOLATED, Status.OK
STATES = {"F": RunState.FAILED, "C": RunState.COMPLETED, "A": RunState.ABORTED}


def look(history: str, open_key: str = "", **settings: int) -> Judgement:
    """Runs by their ends, the earliest first; R still runs."""
    runs = [
        run(n, None if one == "R" else n + 0.5, STATES.get(one), number=n)
        for n, one in enumerate(history)
    ]
    job = seen(*runs, open=frozenset({open_key} - {""}))
    return FailedRun(Failures.model_validate(settings)).judge(job, at(100))


@pytest.mark.parametrize(
    ("history", "settings", "told"),
    [
        ("CF", {}, [VIOLATED]),
        ("FC", {}, []),
        ("CFA", {}, [VIOLATED]),
        ("CFR", {}, [VIOLATED]),
        ("CR", {}, []),
        ("", {}, []),
        ("CF", {"in_a_row": 2}, []),
        ("CFF", {"in_a_row": 2}, [VIOLATED]),
        ("FCF", {"in_a_row": 2}, []),
        ("FCF", {"in_a_row": 2, "of_last": 3}, [VIOLATED]),
        ("FCCF", {"in_a_row": 2, "of_last": 3}, []),
        ("FFC", {"in_a_row": 2, "of_last": 3}, [VIOLATED]),
    ],
)
def test_so_many_failures_are_told(
    history: str, settings: dict[str, int], told: list[Status]
) -> None:
    assert statuses(look(history, "", **settings)) == told


@pytest.mark.parametrize(
    ("history", "settings", "told", "reason"),
    [
        ("FF", {}, [VIOLATED], "run run 1 failed, the 2nd in a row"),
        ("FC", {}, [OK], "run run 1 completed"),
        ("FFF", {"in_a_row": 3}, [VIOLATED], "run run 2 failed, the 3rd in a row"),
        ("FF", {"in_a_row": 3}, [VIOLATED], "run run 1 failed, the 2nd in a row"),
        (
            "FCF",
            {"in_a_row": 2, "of_last": 5},
            [VIOLATED],
            "run run 2 failed, as 2 of the last 3 did",
        ),
        ("FFCC", {"in_a_row": 2, "of_last": 3}, [OK], "only 1 of the last 3 runs failed"),
    ],
)
def test_an_open_incident_goes_on_or_is_over(
    history: str, settings: dict[str, int], told: list[Status], reason: str
) -> None:
    found = look(history, "0", **settings)
    assert statuses(found) == told
    assert (found.verdicts[0].key, found.verdicts[0].reason) == ("0", reason)


def test_a_failure_has_a_class_and_says_what_to_do() -> None:
    failed = run(
        0,
        1,
        RunState.FAILED,
        error_class="psycopg2.errors.InsufficientPrivilege",
        error_message="permission denied for table orders\nLINE 1: select",
    )
    (one,) = FailedRun(Failures()).judge(seen(failed), at(2)).verdicts
    assert one.reason == "run run 0 failed: permission denied for table orders"
    assert one.evidence["failureClass"] == "auth"
    assert "renew or grant" in one.evidence["whatToDo"]


def test_of_last_is_at_least_in_a_row() -> None:
    with pytest.raises(ValidationError, match="at least in_a_row"):
        Failures(in_a_row=3, of_last=2)


def test_what_it_said_is_kept_as_evidence_without_its_middle() -> None:
    said = "Traceback:\n" + "  a frame\n" * 1000 + "OSError: disk full"
    failed = replace(run(1, 2, RunState.FAILED), error_message=said)
    (verdict,) = FailedRun(Failures()).judge(seen(failed), at(100)).verdicts
    kept = verdict.evidence["errorMessage"]
    assert len(kept) <= 2000
    assert (kept[:10], kept[-9:]) == ("Traceback:", "disk full")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("disk full\nfree some", "disk full"),
        ("\n  disk full  \n", "disk full"),
        (
            "Traceback (most recent call last):\n  File x\n\nOSError: disk full\n",
            "OSError: disk full",
        ),
    ],
)
def test_the_line_that_says_most_stands_in_the_reason(said: str, told: str) -> None:
    failed = replace(run(1, 2, RunState.FAILED), error_message=said)
    (verdict,) = FailedRun(Failures()).judge(seen(failed), at(100)).verdicts
    assert verdict.reason == f"run run 1 failed: {told}"
