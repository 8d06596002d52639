"""Tokens for tests, made as an operator makes them."""

from __future__ import annotations

from pathlib import Path

from tests.support.hub_process import trackside


def make_token(folder: Path, name: str, *scopes: str) -> str:
    """A token with those scopes for all namespaces, in the store of the hub of `folder`."""
    wanted = [word for scope in scopes for word in ("--scope", scope)]
    trackside("migrate", folder=folder)
    made = trackside("token", "create", name, *wanted, "--namespace", "*", folder=folder)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip().splitlines()[-1]
