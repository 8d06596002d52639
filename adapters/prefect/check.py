"""What works of a connection, and what to change where it doesn't: each permission is tried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final
from uuid import UUID

from adapters.base import Answer
from adapters.prefect.api import Api
from hub.errors import Unavailable
from hub.ports import Finding, Grade

_READS: Final = (
    ("flow runs", "/flow_runs/filter", {"limit": 1}),
    ("task runs", "/task_runs/filter", {"limit": 1}),
    ("deployments", "/deployments/filter", {"limit": 1}),
    ("work pools", "/work_pools/filter", {"limit": 1}),
    ("work queues", "/work_queues/filter", {"limit": 1}),
    ("events", "/events/filter", {"limit": 1}),
    ("artifacts", "/artifacts/filter", {"limit": 1}),
    ("logs", "/logs/filter", {"limit": 1}),
)
_NOBODY: Final = UUID(int=0)


def check(api: Api) -> Iterator[Finding]:
    """Findings, in the order in which things have to work."""
    try:
        answer = api.http.ask("POST", "/flows/filter", json={"limit": 1}, repeat=True)
    except Unavailable as error:
        mend = "check `url`, and that the hub may reach it"
        yield Finding("address", Grade.BAD, str(error), mend)
        return
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        yield Finding("address", Grade.GOOD, api.http.url)
        yield Finding("credentials", Grade.BAD, str(api.failure(answer, "/flows/filter")), _LOGIN)
        return
    if not answer.ok or not isinstance(answer.data, list):
        mend = (
            "`url` is PREFECT_API_URL, with /api, and on Prefect Cloud with account and workspace"
        )
        told = f"{api.http.url}/flows/filter answered {answer.status}, not as Prefect does"
        yield Finding("address", Grade.BAD, told, mend)
        return
    yield Finding("address", Grade.GOOD, api.http.url)
    yield Finding("credentials", Grade.GOOD)
    yield from _version(api)
    for what, path, body in _READS:
        yield _tried(f"read {what}", _ask(api, path, body))
    yield _launches(api)
    yield _clock(api.http.skew_s)


_LOGIN: Final = "check `api_key` (Prefect Cloud) or `auth` (a server of your own)"


def _version(api: Api) -> Iterator[Finding]:
    """Prefect Cloud tells none."""
    answer = _ask(api, "/admin/version", None)
    version = answer.data if isinstance(answer, Answer) and answer.ok else None
    if not isinstance(version, str):
        return
    major = re.match(r"\d+", version)
    if major is not None and int(major[0]) < 3:
        mend = "Prefect 2 tells other states of tasks; 3.0 or later is tried"
        yield Finding("version", Grade.WARNING, f"Prefect {version}", mend)
    else:
        yield Finding("version", Grade.GOOD, f"Prefect {version}")


def _ask(api: Api, path: str, body: dict[str, int] | None) -> Answer | Unavailable:
    try:
        if body is None:
            return api.http.ask("GET", path)
        return api.http.ask("POST", path, json=body, repeat=True)
    except Unavailable as error:
        return error


def _tried(what: str, answer: Answer | Unavailable) -> Finding:
    if isinstance(answer, Unavailable):
        return Finding(what, Grade.BAD, str(answer), "see the text")
    if answer.ok:
        return Finding(what, Grade.GOOD)
    refused = answer.status == HTTPStatus.FORBIDDEN
    mend = "give the owner of `api_key` the role Viewer" if refused else "see Prefect's own log"
    return Finding(what, Grade.BAD, f"answered {answer.status}", mend)


def _launches(api: Api) -> Finding:
    """Tried with a deployment that can't exist: who may not launch is told so before that."""
    answer = _ask(api, f"/deployments/{_NOBODY}/create_flow_run", {})
    if isinstance(answer, Answer) and answer.status == HTTPStatus.NOT_FOUND:
        return Finding("launch", Grade.GOOD)
    told = str(answer) if isinstance(answer, Unavailable) else f"answered {answer.status}"
    mend = "to launch runs, give the owner of `api_key` the role Runner (not needed to observe)"
    return Finding("launch", Grade.WARNING, told, mend)


def _clock(skew_s: float | None) -> Finding:
    if skew_s is not None and abs(skew_s) > 60:
        return Finding("clock", Grade.WARNING, f"{skew_s:+.0f} s from ours", "set both by NTP")
    return Finding("clock", Grade.GOOD)
