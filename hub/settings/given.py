"""Objects of trackside.yaml as their kinds understand them, with the place of every mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from hub.errors import ConfigError, mistake_at
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
            problems += [f"{place}: {mistake_at(detail, section, index)}" for detail in details]
        except (ValueError, ConfigError) as error:
            problems.append(f"{place}: {section}.{index}: {error}")
    if problems:
        raise ConfigError("\n".join(problems))
    return found
