"""What a dbt project connects to is named as the others name it who speak of its tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub.commands.dbt_project import artifacts, connection_of
from hub.errors import BadInput
from hub.quality.profiles import namespace_of

POSTGRES = {"type": "postgres", "host": "dwh", "port": 5432, "password": "hunter2"}


@pytest.mark.parametrize(
    ("profile", "namespace"),
    [
        (POSTGRES, "postgres://dwh:5432"),
        ({"type": "duckdb", "path": "/data/shop.duckdb"}, "duckdb:///data/shop.duckdb"),
        ({"type": "bigquery", "project": "p"}, "bigquery"),
        ({"type": "snowflake", "account": "org-one"}, "snowflake://org-one"),
        ({"type": "snowflake", "account": "xy1"}, "snowflake://xy1.us-west-1.aws"),
        ({"type": "snowflake", "account": "xy1.eu-west-1"}, "snowflake://xy1.eu-west-1.aws"),
        ({"type": "snowflake", "account": "xy1.x.azure"}, "snowflake://xy1.x.azure"),
        ({"type": "spark", "method": "http", "host": "s"}, "spark://s:443"),
        ({"type": "spark", "method": "thrift", "host": "s", "port": 1}, "spark://s:1"),
        ({"type": "fabric", "server": "f"}, "fabric-warehouse://f"),
        ({"type": "fabric", "server": "f", "port": 1433}, "fabric-warehouse://f:1433"),
        ({"type": "athena", "region_name": "eu"}, "awsathena://athena.eu.amazonaws.com"),
        ({"type": "postgres", "host": "dwh"}, None),
        ({"type": "something"}, None),
        ({}, None),
    ],
)
def test_namespaces(profile: dict[str, Any], namespace: str | None) -> None:
    assert namespace_of(profile) == namespace


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that was run, whose profile stands beside it."""
    target = tmp_path / "target"
    target.mkdir()
    _write(target / "manifest.json", "manifest/v12")
    _write(target / "run_results.json", "run-results/v6", args={"project_dir": str(tmp_path)})
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    return tmp_path


def _write(file: Path, version: str, **more: Any) -> None:
    schema = f"https://schemas.getdbt.com/dbt/{version}.json"
    file.write_text(json.dumps({"metadata": {"dbt_schema_version": schema}, **more}))


def profiles(folder: Path, output: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "profiles.yml").write_text(
        f"shop:\n  target: dev\n  outputs:\n    dev: {output}\n    prod: {{type: bigquery}}\n"
    )


def connected(project: Path, given: Path | None = None, **environment: str) -> str | None:
    return connection_of(artifacts([project / "target"]), environment, given)


def test_the_profile_beside_the_project_is_found(project: Path) -> None:
    profiles(project, "{type: postgres, host: dwh, port: 5432}")
    assert connected(project) == "postgres://dwh:5432"


def test_a_folder_of_profiles_may_be_given_or_stand_in_the_environment(project: Path) -> None:
    profiles(project / "a", "{type: duckdb, path: a}")
    profiles(project / "b", "{type: duckdb, path: b}")
    assert connected(project, project / "a") == "duckdb://a"
    assert connected(project, DBT_PROFILES_DIR=str(project / "b")) == "duckdb://b"


def test_what_stands_in_the_environment_is_filled_in(project: Path) -> None:
    output = (
        "{type: postgres, host: \"{{ env_var('HOST') }}\", port: \"{{ env_var('PORT', '1') }}\"}"
    )
    profiles(project, output)
    assert connected(project, HOST="dwh") == "postgres://dwh:1"
    assert connected(project) is None


def test_other_jinja_is_not_guessed_at(project: Path) -> None:
    profiles(project, "{type: duckdb, path: \"{{ var('x') }}\"}")
    assert connected(project) is None


def test_the_target_that_was_run_is_meant(project: Path) -> None:
    profiles(project, "{type: duckdb, path: a}")
    args = {"project_dir": str(project), "target": "prod"}
    _write(project / "target" / "run_results.json", "run-results/v6", args=args)
    assert connected(project) == "bigquery"


def test_without_a_profile_there_is_no_connection(project: Path) -> None:
    assert connected(project, project / "nowhere") is None


def test_the_manifest_is_found_beside_what_is_named(project: Path) -> None:
    told = json.loads(artifacts([project / "target" / "run_results.json"]).document)
    assert set(told) == {"manifest", "run_results"}


def test_what_is_no_artifact_is_refused_by_its_name(project: Path) -> None:
    for file in (project / "dbt_project.yml", project / "nothing.json", project):
        with pytest.raises(BadInput, match=file.name):
            artifacts([file])
    _write(project / "catalog.json", "catalog/v1")
    with pytest.raises(BadInput, match=r"catalog.json"):
        artifacts([project / "catalog.json"])
