"""Jobs of Flink as OpenLineage events: pure, so that the same row gives the same bytes.

A job of Flink is a run of the job that has its name; each time it is submitted it has another id. That
it restarts after a failure is within that run.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from adapters.base.lineage import MESSAGE_CHARACTERS, Teller
from adapters.flink.wire import ENDED, Job, moment
from hub.model import EntityName
from hub.ports import Json

FLINK: Final = Teller("https://github.com/trackside/trackside/adapters/flink", "FLINK")
JOB_ID: Final = re.compile(r"[0-9a-f]{32}")

_KINDS: Final = {
    "RUNNING": "START",
    "FAILING": "START",
    "RESTARTING": "START",
    "CANCELLING": "START",
    "SUSPENDED": "START",
    "FINISHED": "COMPLETE",
    "FAILED": "FAIL",
    "CANCELED": "ABORT",
}


class Place(Struct, frozen=True):
    """The namespace of jobs, and where people look at Flink."""

    namespace: str
    url: str

    def job(self, name: str) -> EntityName:
        return EntityName(self.namespace, name)

    def page(self, job: Job) -> str:
        where = "completed" if job.state in ENDED else "running"
        return f"{self.url}/#/job/{where}/{job.jid}/overview"


def run_id(jid: str) -> UUID:
    return UUID(jid) if JOB_ID.fullmatch(jid) else uuid5(NAMESPACE_URL, f"flink:{jid}")


def run_event(job: Job, place: Place, failure: str = "") -> Json | None:
    """failure: of a job that failed, the stack trace. None: the row holds no time."""
    kind, started = _KINDS.get(job.state, "OTHER"), moment(job.start_time)
    at = (moment(job.end_time) if job.state in ENDED else None) or started
    if at is None:
        return None
    answer = FLINK.answer(
        job.state,
        job.jid,
        attempt=1,
        queuedAt=started if kind == "OTHER" else None,
        startedAt=started if kind != "OTHER" else None,
        url=place.page(job),
    )
    facets = {"trackside_answer": answer}
    if kind == "FAIL":
        # The beginning of a stack trace of Java says what it is.
        facets["errorMessage"] = FLINK.facet(
            "1-0-1/ErrorMessageRunFacet",
            message=(failure or job.state)[:MESSAGE_CHARACTERS],
            programmingLanguage="java",
        )
    return FLINK.run_event(kind, at, place.job(job.name), run_id(job.jid), facets)


def lost_event(job: EntityName, jid: str, number: int, at: datetime) -> Json:
    """A run that the JobManager has not known for a while; `at`: when that was noticed."""
    answer = FLINK.answer("lost", jid, attempt=number or 1)
    return FLINK.run_event("ABORT", at, job, run_id(jid), {"trackside_answer": answer})
