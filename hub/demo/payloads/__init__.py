"""Events that a real Airflow 3.3 and Dagster 1.13 sent, recorded by us."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Final

import msgspec

#: The recorded Airflow was called as the made-up one is; here it gets a name of its own.
_RECORDED, _OWN = b'"af-prod"', b'"af-recorded"'
NAMES: Final = ("airflow.json", "dagster.json", "dagster_openlineage.json")


def captured() -> Iterator[bytes]:
    """The recorded events, each as its sender wrote it but for Airflow's namespace."""
    for name in NAMES:
        for event in msgspec.json.decode(
            files(__name__).joinpath(name).read_bytes(), type=list[msgspec.Raw]
        ):
            yield bytes(event).replace(_RECORDED, _OWN)
