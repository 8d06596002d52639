"""Writes what is generated into a folder: for provisioning by files, or as ConfigMaps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from dashboards import GENERATED
from dashboards.grafana import v2
from dashboards.prometheus import alerts

#: How a dashboard is written: as Grafana 10 to 13 read it, or as a resource of Grafana 13.
Schema = Literal["classic", "v2"]

PROVIDER: Final[dict[str, Any]] = {
    "apiVersion": 1,
    "providers": [
        {
            "name": "trackside",
            "folder": "Trackside",
            "type": "file",
            "allowUiUpdates": False,
            "options": {"path": "/etc/grafana/dashboards/trackside"},
        }
    ],
}


def contents(runbooks: str | None, schema: Schema) -> Iterator[tuple[str, str]]:
    """Each file by its place in the folder. runbooks: where those of the alerts are."""
    for path in sorted(GENERATED.iterdir()):
        text = path.read_text()
        if path.name == "alerts.yaml" and runbooks:
            text = yaml.safe_dump(alerts.groups(runbooks), sort_keys=False, width=1000)
        elif path.suffix == ".json" and schema == "v2":
            text = json.dumps(v2.resource(json.loads(text)), indent=2) + "\n"
        yield f"{'dashboards' if path.suffix == '.json' else 'rules'}/{path.name}", text
    yield "provisioning/dashboards/trackside.yaml", yaml.safe_dump(PROVIDER, sort_keys=False)


def config_maps(namespace: str) -> Iterator[tuple[str, str]]:
    """One per dashboard, as Grafana's sidecar looks for them: one must stay below 1 MiB."""
    for path in sorted(GENERATED.glob("*.json")):
        made = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": path.stem,
                "namespace": namespace,
                "labels": {"grafana_dashboard": "1"},
                "annotations": {"grafana_folder": "Trackside"},
            },
            "data": {path.name: path.read_text()},
        }
        yield f"configmaps/{path.stem}.yaml", yaml.safe_dump(made, sort_keys=False, width=10_000)


def export(
    folder: Path,
    *,
    runbooks: str | None = None,
    namespace: str | None = None,
    schema: Schema = "classic",
    contact_points: Mapping[str, Any] | None = None,
    data_sources: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Writes them; what is there is replaced. namespace: ConfigMaps for it too."""
    written = []
    found = [*contents(runbooks, schema), *(config_maps(namespace) if namespace else ())]
    more = {"alerting": contact_points, "datasources": data_sources}
    for kind, content in more.items():
        if content is not None:
            text = yaml.safe_dump(dict(content), sort_keys=False, width=1000)
            found.append((f"provisioning/{kind}/trackside.yaml", text))
    for name, text in found:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        written.append(path)
    return written
