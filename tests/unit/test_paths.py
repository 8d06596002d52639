"""Names with slashes, however a proxy treated them on their way."""

from __future__ import annotations

from typing import Any

import pytest

from hub.api.paths import SLASH, RawPaths

NAMESPACE, JOB = "/api/v1/namespaces/{namespace}", "/api/v1/namespaces/{namespace}/jobs/{job}"
TEMPLATES = [NAMESPACE, JOB, JOB + "/runs", JOB + "/versions/{version}", JOB + "/tags/{tag}"]


async def nothing(*_: Any) -> None:
    pass


def routed(raw: str) -> str:
    paths = RawPaths(nothing, TEMPLATES)
    routed = paths.routed({"path": raw, "raw_path": raw.encode()})
    return routed.removeprefix("/api/v1/").replace(SLASH, "~")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("namespaces/a/jobs/b/runs", "namespaces/a/jobs/b/runs"),
        ("namespaces/a%2Fb/jobs/c%2Fruns", "namespaces/a~b/jobs/c~runs"),
        ("namespaces/a%2Fb/jobs/c%2Fruns/runs", "namespaces/a~b/jobs/c~runs/runs"),
        ("namespaces/a/b/jobs/c/d/versions/x", "namespaces/a~b/jobs/c~d/versions/x"),
        ("namespaces/s3:/lake/jobs/c", "namespaces/s3:~~lake/jobs/c"),
        ("namespaces/s3://lake", "namespaces/s3:~~lake"),
        ("namespaces/a/jobs", "namespaces/a/jobs"),
        ("namespaces/a/jobs/b%20c/tags/x%2Fy", "namespaces/a/jobs/b c/tags/x~y"),
        ("sources/jdbc:postgresql://db/x", "sources/jdbc:postgresql:~~db~x"),
        ("gates/db:a%2Fb", "gates/db:a~b"),
        ("gates/dataset:s3://lake:a/b", "gates/dataset:s3:~~lake:a~b"),
        ("jobs/runs/1/start", "jobs/runs/1/start"),
        ("namespaces/a%00b", "namespaces/a\ufffdb"),
        ("namespaces/a?limit=1", "namespaces/a"),
    ],
)
def test_each_name_is_one_segment(raw: str, expected: str) -> None:
    assert routed("/api/v1/" + raw) == expected


def test_other_paths_are_left_alone() -> None:
    assert RawPaths(nothing, TEMPLATES).routed({"path": "/healthz"}) == "/healthz"
