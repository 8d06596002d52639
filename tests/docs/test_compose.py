"""compose.yaml starts what is there, with settings that exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dashboards.files import PROVIDER
from dashboards.prometheus.recording import WINDOWS
from hub.settings import variables

ROOT = Path(__file__).parents[2]
COMPOSE: Any = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: Any = COMPOSE["services"]


def mounts(service: str) -> dict[str, str]:
    """Files of ours by where they are within."""
    told = [one.split(":") for one in SERVICES[service]["volumes"]]
    return {within: ours for ours, within, *_ in told if ours.startswith("./")}


def test_every_file_that_is_mounted_is_there() -> None:
    ours = [path for service in ("prometheus", "grafana") for path in mounts(service).values()]
    assert len(ours) == 5
    assert [path for path in ours if not (ROOT / path).exists()] == []


def test_the_hub_is_given_settings_that_exist_and_waits_for_its_database() -> None:
    hub = SERVICES["hub"]
    assert hub["environment"].keys() <= variables().keys()
    assert hub["depends_on"]["database"]["condition"] == "service_healthy"


def test_nothing_listens_beyond_this_computer() -> None:
    ports = [port for one in SERVICES.values() for port in one.get("ports", ())]
    assert len(ports) == 4
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_prometheus_reads_our_rules_and_grafana_our_dashboards() -> None:
    folder = ROOT / "dashboards" / "compose"
    scrape = yaml.safe_load((folder / "prometheus.yml").read_text())
    assert scrape["scrape_configs"][0]["static_configs"] == [{"targets": ["hub:8080"]}]
    read = scrape["rule_files"][0].removesuffix("/*.yaml")
    assert mounts("prometheus")[read] == "./dashboards/generated"
    provider = yaml.safe_load((folder / "provider.yaml").read_text())
    assert provider == PROVIDER
    within = provider["providers"][0]["options"]["path"]
    assert mounts("grafana")[within] == "./dashboards/generated"


def test_prometheus_keeps_as_much_as_is_recorded_over() -> None:
    (keeps,) = (
        told.partition("=")[2]
        for told in SERVICES["prometheus"]["command"]
        if told.startswith("--storage.tsdb.retention.time=")
    )
    longest = max(int(window.removesuffix("d")) for window in WINDOWS if window.endswith("d"))
    assert int(keeps.removesuffix("d")) > longest


def test_images_have_versions() -> None:
    images = [one["image"] for one in SERVICES.values() if "image" in one]
    assert all(":" in image and not image.endswith(":latest") for image in images)
