"""What stands in a dbt project's folders: its artifacts, and how its profile is connected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from msgspec import Struct

from hub.errors import BadInput
from hub.openlineage.faults import Phrase
from hub.quality.profiles import namespace_of

_KINDS: Final = {"manifest": "manifest", "run-results": "run_results", "sources": "sources"}
_VERSION: Final = re.compile(r"/(manifest|run-results|sources)/v\d+\.json$")
_ENVIRONMENT: Final = re.compile(
    r"""\{\{\s*env_var\(\s*['"](?P<name>\w+)['"]\s*(?:,\s*['"](?P<default>[^'"]*)['"]\s*)?\)[^}]*\}\}"""
)


class _Metadata(Struct, frozen=True):
    dbt_schema_version: str = ""


class _Args(Struct, frozen=True):
    project_dir: str | None = None
    profiles_dir: str | None = None
    profile: str | None = None
    target: str | None = None


class _Artifact(Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    args: _Args = _Args()


class Artifacts(Struct, frozen=True):
    """The document that the reader of dbt takes, and where it was made."""

    document: bytes
    project: Path
    args: _Args


def artifacts(files: Sequence[Path]) -> Artifacts:
    """Of artifacts, or folders that hold them; a manifest is also looked for beside the others.

    Raises BadInput for a file that is none.
    """
    found: dict[str, Path] = {}
    for file in _all(files):
        found[_kind_of(file)] = file
    beside = next(iter(found.values())).with_name("manifest.json")
    if "manifest" not in found and beside.exists():
        found["manifest"] = beside
    raws = {kind: file.read_bytes() for kind, file in found.items()}
    document = msgspec.json.encode({kind: msgspec.Raw(raw) for kind, raw in raws.items()})
    told = next((raws[kind] for kind in ("run_results", "sources") if kind in raws), b"{}")
    folder = next(iter(found.values())).resolve().parent
    args = msgspec.json.decode(told, type=_Artifact).args
    here = Path(args.project_dir) if args.project_dir else folder.parent
    return Artifacts(document, here if here.is_dir() else folder.parent, args)


def _all(files: Sequence[Path]) -> Iterator[Path]:
    for file in files:
        if not file.is_dir():
            yield file
            continue
        names = [file / f"{name.replace('-', '_')}.json" for name in _KINDS]
        there = [name for name in names if name.exists()]
        if not there:
            raise BadInput(
                str(file), Phrase("none"), "a folder with dbt's artifacts, such as target"
            )
        yield from there


def _kind_of(file: Path) -> str:
    try:
        version = msgspec.json.decode(file.read_bytes(), type=_Artifact).metadata.dbt_schema_version
    except OSError as error:
        raise BadInput(str(file), Phrase(error.strerror or ""), "a file that can be read") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInput(str(file), Phrase(str(error)), "an artifact of dbt") from None
    found = _VERSION.search(version)
    if found is None:
        expected = "manifest.json, run_results.json or sources.json of dbt"
        raise BadInput(str(file), Phrase("something else"), expected)
    return _KINDS[found[1]]


# -- the connection ----------------------------------------------------------------------------


def connection_of(
    told: Artifacts, environment: Mapping[str, str], given: Path | None
) -> str | None:
    """The namespace of what the project's profile connects to; None where that can't be told.

    given: the folder of profiles.yml, else looked for as dbt does.
    """
    project = _yaml(told.project / "dbt_project.yml")
    name = told.args.profile or project.get("profile")
    for folder in _folders(told, environment, given):
        profile = _yaml(folder / "profiles.yml").get(name or "")
        if isinstance(profile, dict):
            target = told.args.target or profile.get("target") or "default"
            outputs = profile.get("outputs")
            output = (
                outputs.get(_filled(target, environment)) if isinstance(outputs, dict) else None
            )
            if not isinstance(output, dict):
                return None
            parts = {key: _filled(value, environment) for key, value in output.items()}
            return namespace_of({key: value for key, value in parts.items() if value is not None})
    return None


def _folders(told: Artifacts, environment: Mapping[str, str], given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    if folder := environment.get("DBT_PROFILES_DIR"):
        yield Path(folder)
    if told.args.profiles_dir:
        yield told.project / told.args.profiles_dir
    yield told.project
    yield Path.home() / ".dbt"


def _yaml(file: Path) -> dict[str, Any]:
    """Empty where there is none, or none that we can read."""
    try:
        found = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    """With what `env_var` stands for; None for whatever else of Jinja is in it."""
    if not isinstance(value, str):
        return value
    try:
        text = _ENVIRONMENT.sub(lambda found: _variable(found, environment), value)
    except KeyError:
        return None
    return None if "{{" in text or "{%" in text else text


def _variable(found: re.Match[str], environment: Mapping[str, str]) -> str:
    default = found["default"]
    return (
        environment[found["name"]] if default is None else environment.get(found["name"], default)
    )
