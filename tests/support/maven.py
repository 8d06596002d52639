"""What Maven brings: a library and all that it needs, in a folder of this repository."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import pytest

_POM: Final = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tests</groupId><artifactId>jars</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>
  </dependency></dependencies>
</project>
"""


def jars(folder: Path, group: str, name: str) -> Path:
    """The jars of the version that the folder is called after; skips the test where it can't be had."""
    if shutil.which("java") is None:
        pytest.skip("there is no java")
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            try:
                get(folder, group, name)
            except (OSError, subprocess.SubprocessError) as error:
                pytest.skip(f"Maven can't get {name} {folder.name}: {type(error).__name__}")
    return folder


def get(folder: Path, group: str, name: str) -> None:
    """Raises if it can't."""
    with tempfile.TemporaryDirectory() as place:
        pom = Path(place, "pom.xml")
        pom.write_text(_POM.format(group=group, name=name, version=folder.name))
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        target = Path(place, "jars")
        asked = ["-DincludeScope=runtime", f"-DoutputDirectory={target}"]
        subprocess.run([*command, *asked], check=True, timeout=300, capture_output=True)
        folder.parent.mkdir(exist_ok=True)
        shutil.move(target, folder)
