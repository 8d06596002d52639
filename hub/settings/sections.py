"""What stands below the names of trackside.yaml that are no single values."""

from typing import Any

from pydantic import BaseModel, Field

from hub.settings.types import SECTION, Days, Name, Pattern, Words


class _Section(BaseModel):
    model_config = SECTION


class Retention(_Section):
    """How long things are kept, in days."""

    lineage_events: Days = Field(90, description="raw lineage events, as they came in")
    runs: Days = Field(400, description="runs, attempts, updates and check results")
    changes: Days = Field(30, description="changes; one that a loop has not read yet is kept")
    dead_letters: Days = Field(30, description="input that could not be understood")
    samples: Days = Field(90, description="how much work was waiting when (backlog)")
    incidents: Days = Field(730, description="incidents that are over, with their history")
    audit: Days = Field(730, description="who did what")


class Redaction(_Section):
    """What is taken out of a payload before it is stored."""

    keys: Words = Field(
        default=[
            "password",
            "passwd",
            "pwd",
            "passphrase",
            "secret",
            "token",
            "api_key",
            "access_key",
            "private_key",
            "shared_access_signature",
            "credential",
            "authorization",
        ],
        description="the value of a key that ends in one of these words, however it is written",
    )
    patterns: list[Pattern] = Field(default=[], description="text that matches, anywhere")
    run_configuration: bool = Field(True, description="dagRun.conf and its like: keep only keys")
    environment_variables: bool = Field(True, description="keep only the variables' names")
    source_code: bool = Field(True, description="drop the text of a job's source code")
    sql_literals: bool = Field(True, description="replace literals in SQL by ?")
    stack_traces: bool = Field(False, description="drop stack traces of failed runs")


class Team(_Section):
    """Who owns jobs and hears about them."""

    name: Name
    namespaces: Words = Field(default=[], description="job namespaces it owns; * is any text")
    secrets: Words = Field(
        default=[], description="secret references its objects may name; * is any text"
    )
    private: bool = Field(False, description="only its members see its jobs")
    owners: Words = Field(
        default=[],
        description="owners, as orchestrators name them, that stand for it; * is any text",
    )
    targets: Words = Field(
        default=[], description="who hears of its incidents where no route says otherwise"
    )
    digest: dict[str, Any] | None = Field(
        None, description="one message for each day or week: at, timezone, days, to, empty"
    )
    objective: float | None = Field(
        None, gt=0, lt=1, description="which share of its promises it wants to keep"
    )


class Orchestrator(_Section):
    """One connected instance. Its kind's own settings are checked by the adapter."""

    name: Name
    kind: Name = Field(description="airflow, dagster, engine, ...")
    namespaces: Words = Field(
        default=[], description="job namespaces whose lineage events are its own; * is any text"
    )
    team: str | None = Field(None, description="the team that owns its jobs by default")
    settings: dict[str, Any] = Field(default={}, description="what its kind asks for")
