"""How findings look on a terminal."""

from __future__ import annotations

from typing import Final

GRADES: Final = {"good": "[green]good[/]", "warning": "[yellow]warning[/]", "bad": "[red]bad[/]"}
