"""Cron expressions as Airflow and Dagster read them.

Both read them with croniter: five fields, a sixth for seconds, names, L, #, and presets.
"""

from __future__ import annotations

from croniter import croniter

# Of Airflow's presets the one that croniter doesn't know.
_PRESETS = {"@quarterly": "0 0 1 */3 *"}


def crons_of(expression: str) -> list[str]:
    """The cron expressions in a declared one, which has one in each line."""
    lines = (line.strip() for line in expression.splitlines())
    return [_PRESETS.get(line, line) for line in lines if line]


def is_cron(expression: str) -> bool:
    return bool(croniter.is_valid(expression))
