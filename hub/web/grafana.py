"""Addresses of the dashboards that `trackside dashboards push` brings into a Grafana."""

from __future__ import annotations

from urllib.parse import urlencode


def dashboard(grafana_url: str | None, uid: str, **chosen: str | None) -> str | None:
    """Where a dashboard is, with its variables; None where no Grafana is known."""
    if grafana_url is None:
        return None
    told = {f"var-{name}": value for name, value in chosen.items() if value is not None}
    address = f"{grafana_url.rstrip('/')}/d/{uid}"
    return f"{address}?{urlencode(told)}" if told else address
