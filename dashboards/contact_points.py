"""Targets of trackside.yaml as Grafana's contact points, for alerts that Grafana itself raises.

A secret stays a reference, which Grafana resolves in its own environment when it reads the file:
`env:NAME` becomes `$__env{NAME}`, `file:/path` becomes `$__file{/path}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from hub.secrets import SecretRef

Json = dict[str, Any]
Settings = Mapping[str, Any]


class CantBeShown(Exception):
    """Grafana has no such contact point. Its text says why."""


def contact_points(targets: Iterable[Mapping[str, Any]]) -> tuple[Json, dict[str, str]]:
    """The file, and by name why a target is not in it. Raises ConfigError for a bad reference."""
    made, left_out = [], {}
    for one in targets:
        name = str(one["name"])
        try:
            receiver = _receiver(one["kind"], one.get("settings") or {})
        except CantBeShown as error:
            left_out[name] = str(error)
            continue
        uid = f"trackside-{name}"[:40]
        made.append({"name": f"Trackside {name}", "receivers": [{"uid": uid, **receiver}]})
    return {"apiVersion": 1, "contactPoints": made}, left_out


def _receiver(kind: str, told: Settings) -> Json:
    if kind not in _KINDS:
        raise CantBeShown(f"Grafana speaks to no target of the kind {kind}")
    there, settings = _KINDS[kind]
    return {"type": there, "settings": settings(told)}


def _secret(told: Settings, name: str) -> str:
    return expanded(SecretRef.parse(str(told.get(name, ""))))


def expanded(reference: SecretRef) -> str:
    """As Grafana finds it in its own environment. Raises CantBeShown."""
    if reference.scheme not in {"env", "file"}:
        raise CantBeShown(f"Grafana can't read {reference.scheme}: references")
    return f"$__{reference.scheme}{{{reference.name}}}"


def _plain(text: object) -> str:
    """Grafana puts something else in the place of what begins with one dollar."""
    return str(text).replace("$", "$$")


def _slack(told: Settings) -> Json:
    return {"token": _secret(told, "token"), "recipient": _plain(told.get("channel", ""))}


def _opsgenie(told: Settings) -> Json:
    url = _plain(told.get("url", "https://api.opsgenie.com")).rstrip("/")
    return {"apiKey": _secret(told, "api_key"), "apiUrl": f"{url}/v2/alerts"}


def _pagerduty(told: Settings) -> Json:
    return {"integrationKey": _secret(told, "routing_key")}


def _url(told: Settings) -> Json:
    return {"url": _secret(told, "url")}


def _email(told: Settings) -> Json:
    """Sent by the mail server that Grafana itself is set up with."""
    return {"addresses": ";".join(map(_plain, told.get("to", ())))}


def _alertmanager(told: Settings) -> Json:
    if told.get("headers"):
        raise CantBeShown("Grafana sends an Alertmanager no headers of its own")
    return {"url": ",".join(map(_plain, told.get("urls", ())))}


#: By kind of target: what Grafana calls it, and its settings there.
_KINDS: Final[Mapping[str, tuple[str, Callable[[Settings], Json]]]] = {
    "alertmanager": ("prometheus-alertmanager", _alertmanager),
    "email": ("email", _email),
    "opsgenie": ("opsgenie", _opsgenie),
    "pagerduty": ("pagerduty", _pagerduty),
    "slack": ("slack", _slack),
    "slack_webhook": ("slack", _url),
    "teams": ("teams", _url),
}
