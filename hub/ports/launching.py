"""Launches: what is asked for, and what is under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from msgspec import Struct

from hub.model import EntityName
from hub.ports.adapters import Json, LaunchKind, Span


class Again(Struct, frozen=True):
    """How often a run that failed is run again, and how long is waited before the first time, in
    seconds; before each further one twice as long.
    """

    times: int
    wait_s: float = 60.0


class RerunPolicy(Struct, frozen=True):
    """What is done when a run fails, by class of failure; of other classes nothing is.

    anew: by a new run, also where the failed one could be run once more.
    """

    on: Mapping[str, Again] = {}
    anew: bool = False


class NewLaunch(Struct, frozen=True, kw_only=True):
    """What is to be launched.

    key: at most 64 of a-z, 0-9 and -; two launches with one key are one.
    held: why it may not go out yet; None: it is due. cause: {"updates": [ids of updates], ...}.
    team: for whom it is launched, None for the operator. give_up_at: later it makes no sense.
    rerun_of, failed_run, rerun_no: the launch and the run that are tried again, for which time.
    spans, at_once: of a BACKFILL, as its plan has them.
    """

    key: str
    orchestrator: str
    job: EntityName
    partition: str | None = None
    conf: Json = {}
    note: str = ""
    kind: LaunchKind = LaunchKind.JOB
    subscription_id: int | None = None
    team: str | None = None
    asked_by: str | None = None
    cause: Json = {}
    held: str | None = None
    not_before: datetime | None = None
    give_up_at: datetime | None = None
    rerun: RerunPolicy | None = None
    rerun_of: int | None = None
    failed_run: int | None = None
    rerun_no: int = 0
    spans: Sequence[Span] = ()
    at_once: int = 1


class LeasedLaunch(Struct, frozen=True, kw_only=True):
    """A launch in our hands until `until`; `token` tells whether it still is.

    asked_before: it may have reached the orchestrator already. attempts: this one included.
    """

    id: int
    token: str
    key: str
    orchestrator: str
    job: EntityName
    partition: str | None
    conf: Json
    note: str
    kind: LaunchKind
    team: str | None
    cause: Json
    asked_before: bool
    attempts: int
    begun_at: datetime
    failing_since: datetime | None
    until: datetime
    at_once: int = 1


def launch_run_id(key: str) -> str:
    """The OpenLineage run id that a launch proposes, always the same for the same key."""
    return str(uuid5(NAMESPACE_URL, f"trackside:launch:{key}"))
