"""Objects of trackside.yaml as their kinds understand them, with the place of every mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hub.errors import ConfigError
from hub.settings import Settings

Model = TypeVar("Model", bound=BaseModel)
T = TypeVar("T")


def read(
    settings: Settings, section: str, model: type[Model], make: Callable[[Model], T]
) -> list[T]:
    """The objects of a section, made of what was given. Raises ConfigError; tells all that is wrong.

    `make` raises ValueError or ConfigError for what no field shows by itself.
    """
    found: list[T] = []
    problems: list[str] = []
    for index, given in enumerate(getattr(settings, section)):
        place = settings.place(section, index)
        try:
            found.append(make(model.model_validate(given)))
        except ValidationError as error:
            details = error.errors(include_url=False)
            problems += [f"{place}: {section}.{index}.{problem(detail)}" for detail in details]
        except (ValueError, ConfigError) as error:
            problems.append(f"{place}: {section}.{index}: {error}")
    if problems:
        raise ConfigError("\n".join(problems))
    return found


def problem(detail: Any) -> str:
    where = ".".join(map(str, detail["loc"]))
    text = "no such setting" if detail["type"] == "extra_forbidden" else detail["msg"]
    text = text.removeprefix("Value error, ")
    return f"{where}: {text}" if where else text
