"""`trackside cron` on a host of its own: told, compared, wrapped, and then watched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.hub_process import ROOT, HubProcess

pytestmark = pytest.mark.timeout(600)
PATIENCE_S = 120
TABLE = "MAILTO=ann\n30 3 * * * {folder}/backup.sh --all\n@reboot /bin/start\n"
CRONTAB = """\
#!/bin/sh
case "$1" in
-l) cat "$CRONTAB_FILE" ;;
-) cat > "$CRONTAB_FILE.new" && mv "$CRONTAB_FILE.new" "$CRONTAB_FILE" ;;
esac
"""


class Host:
    """A folder with a crontab, the programs `crontab` and `trackside`, and a hub."""

    def __init__(self, folder: Path, hub: HubProcess) -> None:
        self.folder, self.hub = folder, hub
        self.table = folder / "table"
        self.table.write_text(TABLE.format(folder=folder))
        self._program("backup.sh", "#!/bin/sh\necho saved $1\n")
        self._program("crontab", CRONTAB)
        self._program("trackside", f'#!/bin/sh\nexec {sys.executable} -m hub.entry "$@"\n')

    def _program(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            "COLUMNS": "200",
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "CRONTAB_FILE": str(self.table),
            "TRACKSIDE_URL": self.hub.url,
            "TRACKSIDE_SPOOL": str(self.folder / "spool"),
        }

    def cron(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["trackside", "cron", *arguments],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def states(self, *sources: str) -> dict[str, str]:
        done = self.cron("diff", *sources, "--namespace", "web1", "--json")
        entries = json.loads(done.stdout)["entries"]
        assert done.returncode == any(one["state"] != "watched" for one in entries)
        return {one["name"]: one["state"] for one in entries}


@pytest.fixture
def host(tmp_path: Path, database_url: str) -> Iterator[Host]:
    with HubProcess(tmp_path, environment={"TRACKSIDE_DATABASE_URL": database_url}) as hub:
        yield Host(tmp_path, hub)


def test_a_crontab_is_told_wrapped_and_watched(host: Host) -> None:
    assert host.states("crontab") == {"backup.sh": "unknown", "start": "unwatched"}
    for _ in range(2):
        told = host.cron("import", "crontab", "--namespace", "web1")
        assert (told.returncode, told.stdout) == (0, "1 schedules told\n")
        assert "runs when the host starts" in told.stderr
    assert host.states("crontab")["backup.sh"] == "unwatched"

    before = host.table.read_text()
    shown = host.cron("wrap", "crontab", "--namespace", "web1", "--only", "backup.sh")
    assert (host.table.read_text(), "+30 3 * * * " in shown.stdout) == (before, True)
    line = ("wrap", "crontab", "--namespace", "web1", "--only", "backup.sh", "--write")
    done = host.cron(*line, "--backups", str(host.folder / "backups"))
    assert done.returncode == 0, done.stderr
    (backup,) = (host.folder / "backups").iterdir()
    assert backup.read_text() == before
    after = host.table.read_text()
    assert host.cron(*line).stdout == ""
    assert host.table.read_text() == after

    # As cron would run it.
    command = after.splitlines()[1].split(" ", 5)[5]
    ran = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd="/", env=host.environment, capture_output=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (0, b"saved --all\n")
    assert host.states("crontab")["backup.sh"] == "watched"
    host.table.write_text(after.replace("30 3", "45 3"))
    assert host.states("crontab")["backup.sh"] == "changed"


def test_files_timers_and_cronjobs_are_told_by_the_same_words(host: Host) -> None:
    (host.folder / "system").write_text("17 * * * * root /bin/clean\n")
    (host.folder / "sync.timer").write_text("[Timer]\nOnCalendar=Mon..Fri 06:15\n")
    spec = {"schedule": "*/10 * * * *", "suspend": False}
    jobs = {"items": [{"metadata": {"name": "load", "namespace": "etl"}, "spec": spec}]}
    told = host.cron("import", "system", "--system", "--namespace", "web1")
    assert told.stdout == "1 schedules told\n", told.stderr
    told = host.cron("import", "sync.timer", "-", "--namespace", "web1", stdin=json.dumps(jobs))
    assert told.stdout == "2 schedules told\n", told.stderr
    assert host.states("sync.timer") == {"sync": "unwatched"}
    listed = httpx.get(f"{host.hub.url}/api/v1/schedules", timeout=30).json()["schedules"]
    assert {one["job"]["name"]: one["timing"] for one in listed} == {
        "clean": "trigger",
        "sync": "trigger",
        "etl/load": "shown",
    }
    (host.folder / "sync.service").write_text("[Service]\nExecStart=/usr/bin/sync -a\n")
    shown = host.cron("wrap", "sync.timer", "--namespace", "web1").stdout
    assert "exec --namespace web1 --name sync -- /usr/bin/sync -a" in shown
    (host.folder / "sync.service.d").mkdir()
    (host.folder / "sync.service.d" / "trackside.conf").write_text(shown)
    assert host.cron("wrap", "sync.timer", "--namespace", "web1").stdout == ""
    container = {"command": ["load"]}
    jobs["items"][0]["spec"]["jobTemplate"] = {  # type: ignore[index]
        "spec": {"template": {"spec": {"containers": [container]}}}
    }
    patch = host.cron("wrap", "-", stdin=json.dumps(jobs)).stdout
    assert patch.startswith("kubectl -n etl patch cronjob load --type=json -p ")
    assert '"exec","--namespace","kubernetes","--name","etl/load","--","load"' in patch
    wrong = host.cron("import", "-", stdin='{"items": 3}')
    assert "kubectl get cronjobs" in wrong.stderr
    assert host.cron("import", "no-such-file").returncode == 1
