"""Dags that can't be scheduled, and files that can't be imported: parts of Airflow, DEGRADED.

`dag <dag_id>`: its file can't be imported, or no longer defines it. `file <name>`: the import error
itself, also of files that never defined a Dag. Both are told HEALTHY once they are mended or gone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from adapters.airflow.api import ROWS
from adapters.airflow.site import Site
from adapters.airflow.wire import Dag, ImportErrors
from adapters.base.parts import Look
from hub.model import HealthObserved, HealthStatus
from hub.ports import Json


def illness(dag: Dag, *, first: bool) -> str | None:
    """Why a Dag is not scheduled. What vanished before we `first` looked is history."""
    if dag.has_import_errors:
        return f"its file can't be imported: {dag.fileloc}"
    if dag.gone and not first and not dag.is_paused:
        return f"its file no longer defines it: {dag.fileloc}"
    return None


def of_dags(
    site: Site, changed: Sequence[Dag], ill: Collection[str], *, first: bool
) -> tuple[list[str], list[HealthObserved]]:
    """Who is ill now, and what is to be told. changed: Dags whose row is another than before."""
    reasons = {dag.dag_id: illness(dag, first=first) for dag in changed}
    told = [
        _told(site, f"dag {dag}", reason) for dag, reason in reasons.items() if reason or dag in ill
    ]
    still = (set(ill) - set(reasons)) | {dag for dag, reason in reasons.items() if reason}
    return sorted(still), told


def deleted(site: Site, dags: Collection[str]) -> list[HealthObserved]:
    """Dags that were ill and are not in the list any more."""
    return [_told(site, f"dag {dag}", None) for dag in sorted(dags)]


def files(site: Site, state: Json) -> Look:
    """state: `files`, those that were told DEGRADED."""
    page = site.api.get("/importErrors", ImportErrors, {"limit": ROWS})
    reasons = {
        error.filename: (error.stack_trace or "").strip().rpartition("\n")[2] or "import error"
        for error in page.import_errors
        if error.filename
    }
    complete = len(page.import_errors) >= page.total_entries
    before = set(state.get("files", []))
    mended = before - set(reasons) if complete else set()
    told = [_told(site, f"file {name}", reason) for name, reason in reasons.items()]
    told += [_told(site, f"file {name}", None) for name in sorted(mended)]
    return Look(observations=told, state={"files": sorted((before - mended) | set(reasons))})


def _told(site: Site, part: str, reason: str | None) -> HealthObserved:
    status = HealthStatus.DEGRADED if reason else HealthStatus.HEALTHY
    return HealthObserved(status, site.as_of, part, reason)
