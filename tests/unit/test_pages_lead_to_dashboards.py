"""The links of pages to Grafana name dashboards that are there, and variables that these have."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboards.provision import boards
from hub.settings import Settings
from hub.web.grafana import dashboard
from hub.web.site import HERE

CALL = re.compile(r'dashboard\("([a-z-]+)"([^)]*)\)')
CALLS = [
    pytest.param(uid, re.findall(r"(\w+)=", variables), id=f"{page.stem} to {uid}")
    for page in sorted((HERE / "templates").glob("*.html"))
    for uid, variables in CALL.findall(page.read_text())
]


def test_pages_lead_to_dashboards() -> None:
    assert len(CALLS) >= 6


@pytest.mark.parametrize(("uid", "variables"), CALLS)
def test_a_link_names_a_dashboard_and_its_variables(uid: str, variables: list[str]) -> None:
    known = {one["name"] for one in boards()[uid]["templating"]["list"]}
    assert set(variables) <= known


def test_variables_are_chosen_and_what_is_not_known_is_left_to_the_dashboard() -> None:
    at = dashboard("https://g.example/", "trackside-job", job_name="a/b&c", team=None)
    assert at is not None
    assert at.startswith("https://g.example/d/trackside-job?")
    assert parse_qs(urlsplit(at).query) == {"var-job_name": ["a/b&c"]}


def test_without_a_grafana_there_is_no_link() -> None:
    assert dashboard(Settings().grafana_url, "trackside-job") is None


def test_to_every_dashboard_a_page_leads() -> None:
    assert {param.values[0] for param in CALLS} == set(boards())
