"""`trackside exec`: runs a command and tells the hub of it. `hub.entry` comes here by a shorter way."""

from __future__ import annotations

from typing import Any, NoReturn

from typer.core import TyperCommand

from hub.wrap.main import leave, main


class _Raw(TyperCommand):
    """Its arguments are those of somebody's command, so nobody else reads them."""

    def make_context(  # type: ignore[override]
        self, _name: str | None, args: list[str], *_: Any, **__: Any
    ) -> NoReturn:
        leave(main(args))
        raise SystemExit


command = _Raw(
    "exec", help="Run a command and tell the hub how it went, whether or not it is there."
)
