"""The checks, in the order in which they are made. Each tells what it found in a sentence."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hub.conformance.bench import TAKEN, Bench
from hub.conformance.scratch import BAD, NAME, PARTITION
from hub.ports import Finding, Grade, launch_run_id

#: How long the hub is away, and how long a run that must not begin is looked for.
AWAY_S: Final = 4.0
LONGEST_AWAY_S: Final = 60.0
_SPOILT_S: Final = 5.0
_OLD: Final = timedelta(hours=1)

Check = Callable[[Bench], Iterator[Finding]]


def checked(bench: Bench) -> Iterator[Finding]:
    """All of them; if no launch is taken, the rest could tell nothing."""
    first = [*takes(bench)]
    yield from first
    if any(one.grade is Grade.BAD for one in first):
        return
    pushed = bench.hub.engine.launch == "webhook"
    for check in (*(_PUSHED if pushed else ()), *_ALL):
        yield from check(bench)


# -- launches --------------------------------------------------------------------------------------


def takes(bench: Bench) -> Iterator[Finding]:
    """A launch is taken, and events tell its run from the start to the end."""
    number = bench.launch()
    one = bench.until(number, TAKEN)
    if one["state"] not in TAKEN:
        mend = (
            "answer the signed POST with 2xx; docs/how-to/launches.md has the request"
            if bench.hub.engine.launch == "webhook"
            else f"fetch it: GET {bench.hub.url}/api/v1/launches/next?orchestrator={NAME}&wait=30"
        )
        yield _bad("it takes a launch", _stand(one), mend)
        return
    bench.key = one["key"]
    yield _good("it takes a launch")
    taken = time.monotonic()
    one = bench.until(number, frozenset({"completed"}))
    bench.run_s = time.monotonic() - taken
    run = launch_run_id(one["key"])
    events = f"POST {bench.hub.url}/api/v1/lineage"
    if one["runId"] is None:
        mend = f"{events} a START whose runId is that of the launch, or answer with the one you use"
        yield _bad("its run begins", f"no event of run {run} came", mend)
    elif one["state"] == "completed":
        yield _good("its run begins and ends")
    elif one["state"] == "failed":
        mend = "name a job that can succeed (--job)"
        yield _warn("its run begins and ends", "the run failed", mend)
    else:
        mend = f"{events} COMPLETE, FAIL or ABORT with the same runId"
        yield _bad("its run ends", f"the run {run} has begun and nothing tells its end", mend)


def knows_its_keys(bench: Bench) -> Iterator[Finding]:
    """A launch that is told twice, as after an answer that was lost, starts one run."""
    what = "the same launch told twice starts one run"
    answer = bench.again(bench.key)
    if answer is None or not (answer.is_success or answer.status_code == 409):
        told = "no answer" if answer is None else f"it answers {answer.status_code}"
        yield _bad(what, told, "answer 409, or 2xx with the runId that it has; 5xx is asked again")
    elif not bench.is_quiet(_SPOILT_S):
        yield _bad(what, "another run began", "keep Idempotency-Key before a run starts")
    else:
        yield _good(what, f"it answers {answer.status_code}")


def refuses_what_is_forged(bench: Bench) -> Iterator[Finding]:
    other = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    mend = "compare webhook-signature as Standard Webhooks wants it, and answer 401"
    yield from _refused(bench, "a launch that is signed by somebody else is refused", mend, other)


def refuses_what_is_old(bench: Bench) -> Iterator[Finding]:
    mend = "answer 400 where webhook-timestamp is more than five minutes away"
    at = datetime.now(UTC) - _OLD
    yield from _refused(bench, "a launch that was sent an hour ago is refused", mend, None, at)


def _refused(
    bench: Bench, what: str, mend: str, secret: str | None, at: datetime | None = None
) -> Iterator[Finding]:
    answer = bench.post(bench.fresh_body(), secret=secret, at=at)
    if answer is None:
        yield _bad(what, "no answer", mend)
    elif not 400 <= answer.status_code < 500:
        yield _bad(what, f"it answers {answer.status_code}", mend)
    elif not bench.is_quiet(_SPOILT_S):
        yield _bad(what, f"it answers {answer.status_code}, and the run began all the same", mend)
    else:
        yield _good(what, f"it answers {answer.status_code}")


def says_what_it_can_not(bench: Bench) -> Iterator[Finding]:
    """A job that is not there is told at once and for good."""
    what = "of a job that it does not have it says so"
    one = bench.settle(bench.launch(BAD))
    if one["state"] == "dead":
        yield _good(what, str(one["reason"]))
        return
    mend = (
        "answer 404 or 422"
        if bench.hub.engine.launch == "webhook"
        else 'nack it with "permanent": true'
    )
    yield _bad(what, _stand(one), mend)


# -- events ----------------------------------------------------------------------------------------


def outlives_a_hub(bench: Bench) -> Iterator[Finding]:
    """What happens while the hub is away is told when it is back."""
    what = "events are sent again when the hub was away"
    number = bench.launch()
    one = bench.until(number, TAKEN)
    bench.hub.kill()
    # The run ends meanwhile, if it takes as long as the first.
    away_s = min(max(AWAY_S, bench.run_s + 1), LONGEST_AWAY_S)
    time.sleep(away_s)
    bench.hub.start()
    ended = one["state"] in {"completed", "failed"}
    one = bench.until(number, frozenset({"completed"}))
    if ended:
        mend = f"name a job that takes {AWAY_S:.0f} seconds or longer (--job)"
        yield _warn(what, "the run had ended before the hub was gone", mend)
    elif one["state"] in {"completed", "failed"}:
        yield _good(what, f"after {away_s:.0f} s without a hub")
    else:
        mend = "keep events until they are answered; try again on 5xx and on no answer at all"
        yield _bad(what, _stand(one), mend)


def tells_what_can_be_read(bench: Bench) -> Iterator[Finding]:
    what = "its events are as OpenLineage has them"
    letters = bench.hub.refused()
    if letters:
        one = letters[0]
        first = f"{one.path}: found {one.found}, expected {one.expected}"
        yield _bad(what, f"{len(letters)} refused, the first at {first}", "see docs/openlineage.md")
        return
    warnings = bench.described().get("warnings") or []
    if warnings:
        first = f"{warnings[0]}"
        yield _warn(
            what, f"{len(warnings)} warning(s), the first: {first}", "see docs/openlineage.md"
        )
    else:
        yield _good(what)


def describes_its_runs(bench: Bench) -> Iterator[Finding]:
    job, runs = bench.described(), bench.runs()
    if job.get("inputs") or job.get("outputs"):
        yield _good("runs say what they read or write")
    else:
        mend = "name `inputs` and `outputs`: without them there is no lineage and no trigger"
        yield _warn("runs say what they read or write", "no dataset was named", mend)
    told = {_partition(run) for run in runs} - {None}
    if told:
        yield _good("runs say for which partition they are", ", ".join(sorted(map(str, told))))
    else:
        mend = f"a nominalTime of that day, or a `subset` facet ({PARTITION} was asked for)"
        yield _warn("runs say for which partition they are", "none was told", mend)


def _partition(run: Mapping[str, Any]) -> str | None:
    return run.get("partition") or run.get("partitionKey") or run.get("nominalStartTime")


def tells_more_than_runs(bench: Bench) -> Iterator[Finding]:
    engine = bench.wait(lambda: _of_both(bench), or_else=lambda: _engine(bench))
    path = f"POST {bench.hub.url}/api/v1/observations?orchestrator={NAME}"
    for part, word, mend in (
        ("backlog", "its backlog", 'a "backlog" with queued and running'),
        ("health", "its health", 'a "health" with HEALTHY or DOWN'),
    ):
        if engine.get(part):
            yield _good(f"it tells {word}")
        else:
            yield _warn(f"it tells {word}", "nothing came", f"{path} {mend}")


def _engine(bench: Bench) -> Mapping[str, Any]:
    return bench.hub.find(f"/orchestrators/{NAME}") or {}


def _of_both(bench: Bench) -> Mapping[str, Any] | None:
    """What is known of the engine, once it has told both: it may tell them now and then only."""
    found = _engine(bench)
    return found if found.get("backlog") and found.get("health") else None


_PUSHED: Final[tuple[Check, ...]] = (knows_its_keys, refuses_what_is_forged, refuses_what_is_old)
_ALL: Final[tuple[Check, ...]] = (
    says_what_it_can_not,
    outlives_a_hub,
    tells_what_can_be_read,
    describes_its_runs,
    tells_more_than_runs,
)


# -- telling ---------------------------------------------------------------------------------------


def _stand(one: Mapping[str, Any]) -> str:
    why = f": {one['reason']}" if one.get("reason") else ""
    return f"the launch is {one['state']}{why}"


def _good(what: str, detail: str = "") -> Finding:
    return Finding(what, Grade.GOOD, detail)


def _warn(what: str, detail: str, mend: str) -> Finding:
    return Finding(what, Grade.WARNING, detail, mend)


def _bad(what: str, detail: str, mend: str) -> Finding:
    return Finding(what, Grade.BAD, detail, mend)
