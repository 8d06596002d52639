"""Whether an object is what an operator of Kubernetes takes, by the models that are made of its CRDs.

They are npm packages, got once below `.operators` (`python -m tests.support.operators`). A name that a
CRD does not know, which a cluster would drop without a word, is found by their types; patterns and
numbers by their validators.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

FOLDER: Final = Path(__file__).parents[2] / ".operators"
PACKAGES: Final = (
    "@kubernetes-models/prometheus-operator@6.0.0",
    "@kubernetes-models/external-secrets@2.0.0",
    "@kubernetes-models/gateway-api@2.0.0",
    "typescript@5.9.3",
)
MODELS: Final = {
    "ServiceMonitor": "prometheus-operator/monitoring.coreos.com/v1",
    "PrometheusRule": "prometheus-operator/monitoring.coreos.com/v1",
    "ExternalSecret": "external-secrets/external-secrets.io/v1",
    "HTTPRoute": "gateway-api/gateway.networking.k8s.io/v1",
}
_OPTIONS: Final = (
    "--noEmit --strict --skipLibCheck --module nodenext --moduleResolution nodenext --target es2022"
)


def get() -> None:
    """Installs them with npm, which is given names and versions alone."""
    FOLDER.mkdir(exist_ok=True)
    npm = shutil.which("npm") or "npm"
    quiet = ("--no-save", "--no-audit", "--no-fund", "--ignore-scripts")
    command = [npm, "install", "--prefix", str(FOLDER), *quiet, *PACKAGES]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


@cache
def compiler() -> Path:
    """TypeScript's; skips the test where it can't be had."""
    found = FOLDER / "node_modules" / "typescript" / "bin" / "tsc"
    if not found.exists():
        try:
            get()
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"there are no models of the operators: npm could not get them: {error}")
    return found


def complaints(objects: Sequence[dict[str, Any]]) -> str:
    """What is wrong with any of them; nothing: each is as its operator takes it."""
    tsc = compiler()
    types, checks = FOLDER / "check.mts", FOLDER / "check.mjs"
    types.write_text("\n".join(_typed(number, one) for number, one in enumerate(objects)))
    checks.write_text("\n".join(_checked(number, one) for number, one in enumerate(objects)))
    return _said(str(tsc), *_OPTIONS.split(), str(types)) + _said(str(checks))


def _typed(number: int, one: dict[str, Any]) -> str:
    kind = one["kind"]
    return (
        f'import type {{ I{kind} as I{number} }} from "{_model(one)}";\n'
        f"const one{number}: I{number} = {json.dumps(one)};"
    )


def _checked(number: int, one: dict[str, Any]) -> str:
    kind = one["kind"]
    return (
        f'import {{ {kind} as K{number} }} from "{_model(one)}";\n'
        f"try {{ new K{number}({json.dumps(one)}).validate(); }}"
        f' catch (error) {{ console.log("{kind}: " + error); }}'
    )


def _model(one: dict[str, Any]) -> str:
    kind = str(one["kind"])
    assert MODELS[kind].endswith("/" + one["apiVersion"]), one["apiVersion"]
    return f"@kubernetes-models/{MODELS[kind]}/{kind}"


def _said(*arguments: str) -> str:
    node = shutil.which("node") or "node"
    done = subprocess.run(
        [node, *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout + done.stderr


if __name__ == "__main__":
    get()
