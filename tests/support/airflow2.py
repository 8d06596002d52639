"""A real Airflow 2.11 in an environment of its own: webserver and scheduler, one task at a time."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import ClassVar, Self

from tests.support.airflow import ROOT, Airflow

USER, PASSWORD = "hub", "for-tests-only"


class Airflow2(Airflow):
    """SQLite, hence the executor that runs one task after another. No OpenLineage."""

    venv: ClassVar[Path] = ROOT / ".venv-airflow2"
    dags: ClassVar[Path] = ROOT / "tests" / "real" / "dags2"
    base: ClassVar[str] = "/api/v1"

    def start(self) -> Self:
        self._environment |= {
            "PATH": f"{self.venv}/bin:{os.environ['PATH']}",  # the scheduler starts `airflow`
            "AIRFLOW__CORE__EXECUTOR": "SequentialExecutor",
            "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.basic_auth",
            "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(self.port),
            "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
            "AIRFLOW__WEBSERVER__WORKERS": "1",
            "AIRFLOW__WEBSERVER__SECRET_KEY": "for-tests-only",
            "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "5",
        }
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self._headers = {"Authorization": f"Basic {pair}"}
        self._run("db", "migrate")
        names = ("--firstname", "T", "--lastname", "T", "--email", "t@example.com")
        account = ("--username", USER, "--password", PASSWORD, "--role", "User")
        self._run("sync-perm")  # makes the roles below Admin
        self._run("users", "create", *account, *names)
        self._spawn("webserver")
        self._spawn("scheduler")
        self._until("the webserver", self._answers)
        self._until("its Dags", self._has_its_dags)
        return self

    def trigger(self, dag: str, run_id: str, **told: str) -> None:
        self.post(f"/dags/{dag}/dagRuns", {"dag_run_id": run_id, **told})
