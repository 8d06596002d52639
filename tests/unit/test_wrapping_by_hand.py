"""What is not ours to rewrite is told exactly as it is to be written: drop-ins and patches."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from hub.crontabs.by_hand import drop_in, patch
from hub.crontabs.entry import Entry
from hub.crontabs.kubernetes import containers_of, entries_of
from hub.crontabs.systemd import settings_of

PREFIX = ("/usr/bin/trackside", "exec", "--namespace", "web1", "--url", "https://hub/a b")
FRONT = '/usr/bin/trackside exec --namespace web1 --url "https://hub/a b" --name sync --'
SYNC = Entry(name="sync", command="", where="sync.timer")


def started(*lines: str) -> list[str]:
    """What the service runs once the drop-in is there."""
    unit = "[Service]\n" + "".join(f"ExecStart={line}\n" for line in lines)
    added = drop_in(SYNC, "sync.service", lines, PREFIX)
    return settings_of(f"{unit}\n{added}")["ExecStart"]


def test_a_service_runs_its_command_behind_exec_and_nothing_else() -> None:
    assert started("/usr/bin/sync -a ${WHAT} %i") == [f"{FRONT} /usr/bin/sync -a ${{WHAT}} %i"]
    told = drop_in(SYNC, "sync.service", ["/bin/true"], PREFIX)
    assert "/etc/systemd/system/sync.service.d/trackside.conf" in told


def test_signs_before_a_program_stay_in_front_of_all() -> None:
    assert started("-/bin/a") == [f"-{FRONT} /bin/a"]
    assert started("+/bin/a") == [f"+{FRONT} /bin/a"]


def test_what_systemd_would_expand_in_our_words_is_escaped() -> None:
    odd = Entry(name='50% "of" $HOME', command="", where="x")
    for sign, dollar in (("", "$$"), (":", "$")):
        told = drop_in(odd, "x.service", [f"{sign}/bin/a"], PREFIX).splitlines()[-1]
        assert f'--name "50%% \\"of\\" {dollar}HOME" -- /bin/a' in told


@pytest.mark.parametrize("lines", [(), ("/bin/a", "/bin/b"), ("@/bin/sh -sh",)])
def test_what_can_not_be_wrapped_so_is_told_as_a_comment(lines: tuple[str, ...]) -> None:
    told = drop_in(SYNC, "sync.service", lines, PREFIX)
    assert told.startswith("# ")
    assert "by hand" in told
    assert "\n" not in told


ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(not ANALYZE, reason="no systemd-analyze: Debian's systemd has it")
def test_systemd_itself_finds_nothing_wrong_with_a_drop_in(tmp_path: Path) -> None:
    assert ANALYZE is not None
    unit = tmp_path / "sync.service"
    unit.write_text("[Service]\nType=oneshot\nExecStart=/bin/true a\n")
    prefix = ("/bin/echo", "exec", "--namespace", "50% $x")
    folder = tmp_path / "sync.service.d"
    folder.mkdir()
    (folder / "trackside.conf").write_text(drop_in(SYNC, unit.name, ["/bin/true a"], prefix) + "\n")
    found = subprocess.run(
        [ANALYZE, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert "trackside.conf" not in found.stderr, found.stderr


def cronjob(**container: object) -> bytes:
    template = {"spec": {"template": {"spec": {"containers": [container]}}}}
    spec = {"schedule": "0 1 * * *", "jobTemplate": template}
    meta = {"name": "load", "namespace": "etl"}
    return json.dumps({"items": [{"metadata": meta, "spec": spec}]}).encode()


def patched(raw: bytes) -> str:
    (one,), (first,) = entries_of(raw, "-"), containers_of(raw)
    return patch(one, first, ("trackside", "exec", "--namespace", "kubernetes"))


def test_a_cronjob_is_patched_with_its_own_command_behind_exec() -> None:
    words = shlex.split(patched(cronjob(command=["sh", "-c", "it's $X"], args=["-a"])))
    assert words[:7] == ["kubectl", "-n", "etl", "patch", "cronjob", "load", "--type=json"]
    (change,) = json.loads(words[8])
    front = ["trackside", "exec", "--namespace", "kubernetes", "--name", "etl/load", "--"]
    assert change["value"] == [*front, "sh", "-c", "it's $X"]
    assert (change["op"], change["path"].rsplit("/", 3)[1:]) == (
        "replace",
        ["containers", "0", "command"],
    )


def test_the_command_of_an_image_is_not_guessed() -> None:
    assert patched(cronjob(args=["-a"])).startswith("# etl/load: its command is its image's own")


def test_a_cronjob_that_is_wrapped_is_seen_as_such() -> None:
    (plain,) = entries_of(cronjob(command=["echo", "trackside exec"]), "-")
    (done,) = entries_of(cronjob(command=["/opt/trackside", "exec", "--", "load"]), "-")
    assert (plain.wrapped, done.wrapped) == (False, True)
