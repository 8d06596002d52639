"""The data sources that the dashboards are read from: brought into a Grafana, or as a file for it.

A push leaves its mark in a data source: digests of what it told. One that is no longer as its mark
says was changed by a person, and one without a mark was made by somebody: both stay as they are,
unless that is forced. What a push does not tell (who may use it, whether it is the usual one) is
people's own and stays in any case.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dashboards.provision import Fate, Grafana
from hub.errors import ConfigError

Source = Mapping[str, Any]

INFINITY: Final = "yesoreyeram-infinity-datasource"
_TOLD: Final = ("uid", "name", "type", "access", "url", "jsonData")
_MARK: Final = "tracksidePushed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which data sources there should be: addresses as Grafana reaches them; None: not that one.

    hub_token: what the hub wants of Grafana, with the scope read: the token itself for a push, for a
    file what Grafana finds it by.
    """

    prometheus: str | None = None
    hub: str | None = None
    hub_token: str | None = field(default=None, repr=False)


def sources(wanted: Wanted) -> Iterator[Source]:
    """What they are told, but for secrets. Raises ConfigError for an address that is none."""
    if wanted.prometheus is not None:
        url = _checked("Prometheus", wanted.prometheus)
        yield _source("trackside-prometheus", "Trackside Prometheus", "prometheus", url, {})
    if wanted.hub is not None:
        url = _checked("the hub", wanted.hub)
        # The plug-in asks, and sends the token to, no host but those that are named.
        more: dict[str, Any] = {"allowedHosts": [url]}
        more |= {} if wanted.hub_token is None else {"auth_method": "bearerToken"}
        yield _source("trackside-hub-api", "Trackside hub", INFINITY, url, more)


def secrets_of(source: Source, wanted: Wanted) -> Mapping[str, str]:
    """What Grafana keeps and never shows again."""
    if source["type"] != INFINITY or wanted.hub_token is None:
        return {}
    return {"bearerToken": wanted.hub_token}


def provisioned(wanted: Wanted) -> dict[str, Any]:
    """The file of provisioning."""
    made = [
        {**source, **({"secureJsonData": dict(kept)} if kept else {})}
        for source in sources(wanted)
        for kept in (secrets_of(source, wanted),)
    ]
    return {"apiVersion": 1, "datasources": made}


def push_sources(
    grafana: Grafana, wanted: Wanted, *, force: bool = False, only_look: bool = False
) -> dict[str, Fate]:
    """What became of each, or would, by uid."""
    fates: dict[str, Fate] = {}
    for source in sources(wanted):
        kept, uid = secrets_of(source, wanted), str(source["uid"])
        found = grafana.source(uid)
        mark = _mark_of(source, kept)
        fates[uid] = decided(mark, found, force=force)
        if only_look or fates[uid] in {Fate.UNCHANGED, Fate.KEPT}:
            continue
        told = {**source, "jsonData": {**source["jsonData"], _MARK: mark}, "secureJsonData": kept}
        grafana.save_source({**(found or {}), **told}, there=found is not None)
    return fates


def decided(mark: str, found: Source | None, *, force: bool) -> Fate:
    """mark: of what would be told."""
    if found is None:
        return Fate.CREATED
    told, left = _plain(found), str(found.get("jsonData", {}).get(_MARK, ""))
    is_ours = left.partition(".")[0] == _digest(told)
    if is_ours and left == mark:
        return Fate.UNCHANGED
    if found.get("readOnly") or not (is_ours or force):
        return Fate.KEPT  # one that a file provisions can't be changed by anybody else
    return Fate.UPDATED


def _mark_of(source: Source, kept: Mapping[str, str]) -> str:
    """Of the secrets too, so that one that was rotated is told: tokens are long, and not guessed."""
    return f"{_digest(_plain(source))}.{_digest(kept)}"


def _plain(source: Source) -> Source:
    """What a push tells, as it stands."""
    settings = {k: v for k, v in (source.get("jsonData") or {}).items() if k != _MARK}
    return {**{name: source.get(name) for name in _TOLD}, "jsonData": settings}


def _digest(told: Mapping[str, Any]) -> str:
    text = json.dumps(told, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _source(uid: str, name: str, kind: str, url: str, more: Mapping[str, Any]) -> Source:
    return {
        "uid": uid, "name": name, "type": kind, "access": "proxy", "url": url, "jsonData": more,
    }  # fmt: skip


def _checked(whose: str, url: str) -> str:
    if not url.startswith(("http://", "https://")) or "@" in url:
        raise ConfigError(
            f"the address of {whose}: expected http://host:port or https://host, without a password"
        )
    return url.rstrip("/")
