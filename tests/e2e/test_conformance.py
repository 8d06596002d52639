"""`trackside conformance` tells an engine that speaks as it should from one that does not."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub_process import ROOT, trackside
from tests.support.ports import free_port

EXAMPLE = ROOT / "examples" / "own_engine" / "launched.py"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()

#: What is wrong of each spoilt engine: the text of the example, what stands there instead, and
#: the sentence that tells it.
SPOILT = [
    (
        "is_signed(self.headers, body)",
        "self.headers",
        {
            "a launch that is signed by somebody else is refused",
            "a launch that was sent an hour ago is refused",
        },
    ),
    (
        'new = begin(told["key"], run,',
        "new = begin(str(uuid.uuid4()), run := str(uuid.uuid4()),",
        {"the same launch told twice starts one run"},
    ),
    (
        "if status == 0 or status >= 500 or status == 429:",
        "if status == 429:",
        {"events are sent again when the hub was away"},
    ),
    (
        "self.answer(404, {\"error\": f\"no job {told['job']['name']}\"})",
        "self.answer(200, {})",
        {"of a job that it does not have it says so"},
    ),
]


@contextmanager
def engine(folder: Path, hub_port: int, source: str, **told: str) -> Iterator[None]:
    """The example, or what was made of it, at work."""
    script = folder / "engine.py"
    script.write_text(source)
    environment = {**os.environ, "TRACKSIDE_URL": f"http://127.0.0.1:{hub_port}"}
    environment |= {"ENGINE_SECRET": SECRET, "ENGINE_FILE": str(folder / "engine.db"), **told}
    process = subprocess.Popen([sys.executable, str(script)], env=environment, cwd=folder)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def conformance(folder: Path, hub_port: int, *told: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and what was found by what was looked at."""
    done = trackside(
        *("conformance", *told, "--job", "nightly", "--port", str(hub_port), "--json"),
        folder=folder,
        environment={"ENGINE_SECRET": SECRET},
        timeout=900,
    )
    assert done.stdout, done.stderr
    return done.returncode, {one["what"]: one for one in json.loads(done.stdout)}


def test_the_example_that_takes_launches_is_as_it_should_be(tmp_path: Path) -> None:
    hub, port = free_port(), free_port()
    with engine(tmp_path, hub, EXAMPLE.read_text(), ENGINE_PORT=str(port)):
        code, found = conformance(tmp_path, hub, f"http://127.0.0.1:{port}/launch")
    assert {what: one for what, one in found.items() if one["grade"] != "good"} == {}
    assert (code, len(found)) == (0, 12)


def test_the_example_that_fetches_launches_is_as_it_should_be(tmp_path: Path) -> None:
    hub = free_port()
    with engine(tmp_path, hub, EXAMPLE.read_text(), ENGINE_PULL="1"):
        code, found = conformance(tmp_path, hub)
    assert {what: one for what, one in found.items() if one["grade"] != "good"} == {}
    assert (code, len(found)) == (0, 9)


def test_what_an_engine_does_wrong_is_told_with_what_to_do(tmp_path: Path) -> None:
    hub, port = free_port(), free_port()
    source = EXAMPLE.read_text()
    for right, wrong, _ in SPOILT:
        assert source.count(right) == 1, right
        source = source.replace(right, wrong)
    with engine(tmp_path, hub, source, ENGINE_PORT=str(port)):
        url = f"http://127.0.0.1:{port}/launch"
        code, found = conformance(tmp_path, hub, url, "--patience", "20")
    bad = {what for what, one in found.items() if one["grade"] == "bad"}
    assert bad == set.union(*(told for _, _, told in SPOILT))
    assert all(found[what]["mend"] for what in bad)
    assert code == 1


def test_an_engine_that_takes_no_launch_is_not_asked_for_more(tmp_path: Path) -> None:
    hub = free_port()
    code, found = conformance(
        tmp_path, hub, f"http://127.0.0.1:{free_port()}/launch", "--patience", "5"
    )
    assert list(found) == ["it takes a launch"]
    assert "signed POST" in found["it takes a launch"]["mend"]
    assert code == 1


@pytest.mark.parametrize("secret", ["not base64!", ""])
def test_a_secret_that_signs_nothing_is_refused_without_it(tmp_path: Path, secret: str) -> None:
    done = trackside(
        *("conformance", "http://127.0.0.1:1/launch", "--job", "nightly"),
        folder=tmp_path,
        environment={"ENGINE_SECRET": secret},
    )
    assert done.returncode != 0
    assert "ENGINE_SECRET" in done.stderr
    assert "not base64!" not in done.stderr + done.stdout
