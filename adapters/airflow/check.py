"""What works of a connection, and what to change where it doesn't: each permission is tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from adapters.airflow.api import Api
from adapters.airflow.login import refused
from hub.errors import Unavailable
from hub.ports import Finding, Grade

_VIEWER: Final = "give the user the role Viewer, or in Airflow 2 `can read` on {}"

#: What is read, where (3.x, 2.x), and how Airflow 2 calls the permission.
_READS: Final = (
    ("Dags", "/dags", "/dags", "DAGs"),
    ("Dag runs", "/dags/~/dagRuns", "/dags/~/dagRuns", "DAG Runs"),
    (
        "task instances",
        "/dags/~/dagRuns/~/taskInstances",
        "/dags/~/dagRuns/~/taskInstances",
        "Task Instances",
    ),
    ("pools", "/pools", "/pools", "Pools"),
    ("import errors", "/importErrors", "/importErrors", "ImportError"),
    ("assets", "/assets", "/datasets", "Datasets"),
    ("asset events", "/assets/events", "/datasets/events", "Datasets"),
)


def check(api: Api) -> Sequence[Finding]:
    """Findings, in the order in which things have to work."""
    try:
        old = api.is_old
    except Unavailable as error:
        return [_bad("address", error, "check `url`, and that the hub may reach it")]
    found = [
        Finding("address", Grade.GOOD, f"{api.url}{api.base}"),
        Finding("version", Grade.GOOD, f"Airflow {api.version}"),
    ]
    try:
        answer = api.ask("GET", "/dags", params={"limit": 1})
    except Unavailable as error:
        return [*found, _bad("credentials", error, "see the text; nothing else was tried")]
    if refused(answer) or (old and answer.status == HTTPStatus.FORBIDDEN):
        mend = "check `username` and `password`, `token`, or `headers`"
        if old:
            mend += "; Airflow 2 wants basic_auth among [api] auth_backends"
        return [*found, Finding("credentials", Grade.BAD, f"answered {answer.status}", mend)]
    found.append(Finding("credentials", Grade.GOOD))
    found += [_read(api, what, new if not old else v1, word) for what, new, v1, word in _READS]
    return [*found, _scheduler(api), _launches(api)]


def _bad(what: str, error: Unavailable, mend: str) -> Finding:
    return Finding(what, Grade.BAD, str(error), mend)


def _read(api: Api, what: str, path: str, word: str) -> Finding:
    name = f"read {what}"

    def judge() -> Finding:
        answer = api.ask("GET", path, params={"limit": 1})
        if answer.ok:
            return Finding(name, Grade.GOOD)
        refused = answer.status == HTTPStatus.FORBIDDEN
        mend = _VIEWER.format(word) if refused else "see Airflow's own log"
        return Finding(name, Grade.BAD, f"{path} answered {answer.status}", mend)

    return _tried(name, judge)


def _scheduler(api: Api) -> Finding:
    def judge() -> Finding:
        body: Any = api.get("/health" if api.is_old else "/monitor/health", dict[str, Any])
        part = body.get("scheduler")
        status = part.get("status") if isinstance(part, dict) else None
        if status == "healthy":
            return Finding("scheduler", Grade.GOOD)
        return Finding("scheduler", Grade.WARNING, f"says it is {status}", "start the scheduler")

    return _tried("scheduler", judge)


def _launches(api: Api) -> Finding:
    """Tried with a Dag that can't exist: who may not launch is told so before that is looked at."""

    def judge() -> Finding:
        path = "/dags/trackside__no_such_dag/dagRuns"
        answer = api.ask("POST", path, json={} if api.is_old else {"logical_date": None})
        if answer.status == HTTPStatus.NOT_FOUND:
            return Finding("launch", Grade.GOOD)
        mend = "to launch runs, give the user the role User (not needed to observe)"
        return Finding("launch", Grade.WARNING, f"answered {answer.status}", mend)

    return _tried("launch", judge)


def _tried(what: str, judge: Callable[[], Finding]) -> Finding:
    try:
        return judge()
    except Unavailable as error:
        return _bad(what, error, "see the text")
