"""What the OpenAPI says of the API is true: whatever it allows gets an answer it names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hub import tokens
from hub.access import Scope
from hub.api.app import create_app
from hub.api.hub import Hub
from hub.demo.play import play, world
from hub.main import running
from hub.settings import Settings
from hub.store.access import NewToken

pytestmark = pytest.mark.timeout(600)
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
EXAMPLES = 8
HOST = {"Host": "127.0.0.1:8080"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The demo's world, so that there is something to answer with."""
    url = f"sqlite:///{tmp_path_factory.mktemp('openapi')}/hub.db"
    with running(Settings(database_url=url)) as hub:
        play(hub.intake, hub.writer, world(datetime.now(UTC) - timedelta(hours=1), 1, 1), _silent)
        yield hub


def _admin(hub: Hub) -> dict[str, str]:
    """Headers of an admin. A new one for each operation: one of them revokes tokens."""
    wanted = NewToken(name=f"admin-{uuid4()}", scopes=(Scope.ADMIN,), namespaces=("*",))
    issued = hub.writer.call(
        lambda connection: tokens.issue(connection, wanted, actor="test", now=datetime.now(UTC))
    )
    hub.authenticator.forget()
    return {**HOST, "Authorization": f"Bearer {issued.text}"}


def _silent(_: object) -> None:
    """The demo's progress is of no interest here."""


def _try(
    operation: schemathesis.APIOperation, mode: schemathesis.GenerationMode, headers: dict[str, str]
) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def call(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=headers, checks=list(CHECKS))

    call()


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_every_call_is_answered_as_it_says(filled: Hub, mode: schemathesis.GenerationMode) -> None:
    """Calls that the schema allows (positive) and those that it doesn't (negative)."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(filled), headers=HOST)
    problems = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        try:
            _try(operation, mode, _admin(filled))
        except Unsatisfiable:
            continue  # it takes nothing that could be wrong
        except Exception as problem:  # noqa: BLE001  all of them are to be seen at once
            problems.append(f"{operation.label}: {problem}")
    assert not problems, "\n\n".join(problems)
