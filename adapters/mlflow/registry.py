"""The model registry: versions that were registered, and aliases and stages that were moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from adapters.base.parts import Look
from adapters.mlflow import events
from adapters.mlflow.site import Site
from adapters.mlflow.wire import Model, Version, millis, moment
from hub.ports import Json

#: By which a version's change may be committed late.
LAG: Final = timedelta(minutes=2)


def versions(site: Site, state: Json, history: timedelta) -> Look:
    """Versions that were changed since the last look, or in the history. state: `since`, in ms."""
    since = state.get("since", millis(site.as_of - history))
    found: list[Version] = []
    for page in site.api.versions():
        found += [one for one in page if _changed(one) >= since]
        if any(_changed(one) < since for one in page):
            break
    runs = site.by_id([one.run_id for one in found if one.run_id]) if found else {}
    told: list[Json] = []
    for one in sorted(found, key=lambda one: (one.name, one.version)):
        run = runs.get(one.run_id or "")
        experiment = site.name_of(run) if run else None
        event = events.version_event(one, site.place, run, experiment)
        told += [event] if event is not None else []
    latest = max([since, *(_changed(one) - millis_of(LAG) for one in found)])
    return Look(told, state={"since": latest})


def moved(site: Site, state: Json) -> Look:
    """Aliases and stages that mean another version than at the last look.

    state: `means`, of each the version and how often it was moved, and `told`, when the latest of the
    models was changed that were told.
    """
    models = site.api.models()
    means = dict(state.get("means", {}))
    now = {name: version for model in models for name, version in _means(model)}
    changed = {
        name: _whole(site, version)
        for name, version in now.items()
        if means.get(name, [""])[0] != version.version
    }
    runs = site.by_id([v.run_id for v in changed.values() if v.run_id]) if changed else {}
    found = _declared(site, models, state.get("told", 0))
    for name, version in sorted(changed.items()):
        times = means[name][1] + 1 if name in means else 1
        # At first it may have been moved long ago; the version tells when it was changed last.
        at = site.as_of if name in means else moment(_changed(version)) or site.as_of
        run = runs.get(version.run_id or "")
        found.append(events.moved_event(name, version, site.place, run, times, at))
        means[name] = [version.version, times]
    for name in means.keys() - now.keys():
        means[name] = ["", means[name][1]]
    told = max([state.get("told", 0), *(model.last_updated_timestamp or 1 for model in models)])
    return Look(found, state={"means": means, "told": told})


def _declared(site: Site, models: Sequence[Model], told: int) -> list[Json]:
    fresh = [model for model in models if (model.last_updated_timestamp or 1) > told]
    return [events.model_event(model, site.place, site.as_of) for model in fresh]


def _means(model: Model) -> Iterator[tuple[str, Version]]:
    """The model's aliases and stages, and the version that each means."""
    by_number = {one.version: one for one in model.latest_versions}
    for alias in model.aliases:
        known = by_number.get(alias.version)
        version = known or Version(model.name, alias.version, model.last_updated_timestamp or 0)
        yield f"{model.name}@{alias.alias}", version
    for one in model.latest_versions:
        if one.current_stage and one.current_stage != "None":
            yield f"{model.name}/{one.current_stage}", one


def _whole(site: Site, version: Version) -> Version:
    """Of an older version the list of models tells no more than its number."""
    return version if version.run_id else site.api.version(version) or version


def _changed(version: Version) -> int:
    return version.last_updated_timestamp or version.creation_timestamp


def millis_of(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
