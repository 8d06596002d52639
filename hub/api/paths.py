"""Names with slashes in paths.

Clients send `/` within a name as `%2F`. Servers decode the path before routes see it, which makes
one name look like several segments. So routes are matched on the raw path, decoded segment by
segment, with a stand-in for a slash that belongs to a name.

A proxy may have decoded `%2F` on its way to us (nginx with a URI in proxy_pass does, and merges
`//` as well). What such a path means is decided by the words of the routes around the names: the
first `jobs` or `datasets` ends the namespace, and the longest known ending ends the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Final
from urllib.parse import unquote

from fastapi import Path
from pydantic import AfterValidator
from starlette.types import ASGIApp, Receive, Scope, Send

#: Stands for a slash within a name. No name holds it: neither engine could store it.
SLASH: Final = "\0"

_HEAD: Final = "/api/v1/namespaces/"
_ENTITY = re.compile(r"/api/v1/namespaces/\{[^}]+\}/(?:jobs|datasets)/\{[^}]+\}(/.+)")
_LISTED = re.compile(r"(?P<head>/api/v1/(?:sources|tags|gates)/)(?P<name>.+)")
# `s3:/bucket`: a scheme whose second slash a proxy has merged away.
_MERGED = re.compile(r"(?P<scheme>[a-zA-Z][\w+.-]*:)\0(?P<rest>[^\0].*)", re.DOTALL)

#: Bytes of a name that people make up: it becomes part of the keys of indexes.
LONGEST: Final = 512


def _whole(name: str) -> str:
    return name.replace(SLASH, "/")


def _storable(name: str) -> str:
    if len(name.encode()) > LONGEST:
        raise ValueError(f"expected at most {LONGEST} bytes of UTF-8")
    return name


Name = Annotated[
    str,
    AfterValidator(_whole),
    Path(min_length=1, max_length=4096, description="slashes percent-encoded"),
]


NewName = Annotated[
    str,
    AfterValidator(_whole),
    AfterValidator(_storable),
    Path(min_length=1, max_length=LONGEST, description="slashes percent-encoded"),
]


class RawPaths:
    """ASGI: hands on the path in which each name is one segment."""

    def __init__(self, app: ASGIApp, templates: Iterable[str]) -> None:
        """`templates`: the paths of all routes, `/api/v1/namespaces/{namespace}/...`."""
        self.app = app
        self._names = _names_of(templates)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/v1/"):
            scope = {**scope, "path": self.routed(scope)}
        await self.app(scope, receive, send)

    def routed(self, scope: Scope) -> str:
        raw = scope.get("raw_path") or scope["path"].encode()
        segments = raw.decode("latin-1").partition("?")[0].split("/")
        path = "/".join(_decoded(segment) for segment in segments)
        return self._folded(path)

    def _folded(self, path: str) -> str:
        match = self._names.fullmatch(path) or _LISTED.fullmatch(path)
        if match is None:
            return path
        groups = match.groupdict()
        namespace = groups.get("namespace")
        if namespace is None:
            return groups["head"] + _one(groups["name"])
        if groups["kind"] is None:
            return _HEAD + _one(namespace)
        if groups["name"] is None:
            return f"{_HEAD}{_one(namespace)}/{groups['kind']}"
        rest = groups["rest"] or ""
        return f"{_HEAD}{_one(namespace)}/{groups['kind']}/{_one(groups['name'])}{rest}"


def _decoded(segment: str) -> str:
    # A real NUL must not pass for a slash.
    return unquote(segment).replace(SLASH, "\ufffd").replace("/", SLASH)


def _one(name: str) -> str:
    """A name as one segment; the slashes that a proxy has decoded or merged are put back."""
    if "/" not in name:
        return name
    folded = name.replace("/", SLASH)
    merged = _MERGED.fullmatch(folded)
    return f"{merged['scheme']}{SLASH}{SLASH}{merged['rest']}" if merged else folded


def _names_of(templates: Iterable[str]) -> re.Pattern[str]:
    endings = {match[1] for path in templates if (match := _ENTITY.fullmatch(path))}
    known = "|".join(sorted((_pattern(each) for each in endings), key=len, reverse=True))
    rest = f"(?P<rest>{known})?" if known else "(?P<rest>)"
    return re.compile(
        rf"{_HEAD}(?P<namespace>.+?)"
        rf"(?:/(?P<kind>jobs|datasets)(?:/(?P<name>.+?){rest})?)?",
        re.DOTALL,
    )


def _pattern(ending: str) -> str:
    parts = re.split(r"\{[^}]+\}", ending)
    return "[^/]+".join(re.escape(part) for part in parts)
