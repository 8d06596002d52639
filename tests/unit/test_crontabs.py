"""Crontabs, timers and CronJobs are read as those read them who run them, and wrapped once."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from hub.crontabs import kubernetes, systemd
from hub.crontabs.crontab import entries_of, is_plain, wrapped
from hub.model import Schedule

USER = """\
# what runs at night
SHELL=/bin/bash
MAILTO = ann@example.com
30 3 * * *  /usr/local/bin/backup.sh --all
CRON_TZ=Europe/Zurich
*/5 * * * mon-fri cd /srv/app && ./load.py 2>&1 | logger
@daily python3 /srv/report.py
@reboot /usr/local/bin/start.sh
0 4 * * * mysqldump shop > /backup/shop-$(date +\\%F).sql
0 5 * * * /usr/bin/mail -s hello ann%dear ann%all is well
0 25 * * * /bin/never
10 3 * * *  /usr/local/bin/backup.sh --some
"""
SYSTEM = "17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n-@hourly ann /bin/true\n"
PREFIX = ("/opt/trackside", "exec", "--namespace", "web1")


def test_a_users_crontab_is_read_line_by_line() -> None:
    found = entries_of(USER, "crontab", "UTC", system=False)
    assert [(one.name, one.where) for one in found] == [
        ("backup.sh", "crontab:4"),
        ("load.py", "crontab:6"),
        ("report.py", "crontab:7"),
        ("start.sh", "crontab:8"),
        ("mysqldump", "crontab:9"),
        ("mail", "crontab:10"),
        ("never", "crontab:11"),
        (found[-1].name, "crontab:12"),
    ]
    assert found[0].schedule == Schedule("cron", "30 3 * * *", "UTC")
    assert found[1].schedule == Schedule("cron", "*/5 * * * mon-fri", "Europe/Zurich")
    assert found[2].schedule == Schedule("cron", "0 0 * * *", "Europe/Zurich")
    assert (found[3].schedule, found[6].schedule) == (None, None)
    assert "can't be read" in found[6].trouble


def test_lines_of_the_same_program_are_told_apart_and_the_first_keeps_its_name() -> None:
    found = entries_of(USER, "crontab", "UTC", system=False)
    assert found[-1].name.startswith("backup.sh-")
    less = "".join(line for line in USER.splitlines(keepends=True) if "--some" not in line)
    assert entries_of(less, "crontab", "UTC", system=False) == found[:-1]


def test_a_systems_crontab_names_a_user_in_each_line() -> None:
    found = entries_of(SYSTEM, "/etc/crontab", "UTC", system=True)
    assert [(one.name, one.command) for one in found] == [
        ("cron.hourly", "cd / && run-parts --report /etc/cron.hourly"),
        ("true", "/bin/true"),
    ]


def test_the_name_is_that_of_what_runs_behind_sudo_nice_and_flock() -> None:
    text = "* * * * * sudo -n nice -n5 /bin/a\n* * * * * flock -n /run/lock A=b /opt/b.sh x\n"
    assert [one.name for one in entries_of(text, "t", "UTC", system=False)] == ["a", "b.sh"]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (
            "test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }",
            "cron.daily",
        ),
        (
            "[ -x /usr/lib/sessionclean ] && if [ ! -d /run/systemd ]; then /usr/lib/sessionclean; fi",
            "sessionclean",
        ),
        ("command -v debian-sa1 > /dev/null && debian-sa1 1 1", "debian-sa1"),
        ("command /opt/a.sh", "a.sh"),
        ("sudo -u postgres pg_dump app > /backup/app.sql", "pg_dump"),
        ("nice -n 10 /opt/a.sh", "a.sh"),
        ("ionice -c 2 -n7 nice /opt/a.sh", "a.sh"),
        ("timeout -k 5 3600 /opt/b.sh", "b.sh"),
        ("flock -w 5 /run/lock -c '/opt/b.sh --all'", "b.sh"),
        ("su - etl -c '/opt/c.sh --all'", "c.sh"),
        ("bash -lc 'source /etc/profile; cd /srv && python3 -u load.py 2>&1 | logger'", "load.py"),
        ("(cd /srv && ./e.sh) >> /var/log/e.log 2>&1", "e.sh"),
        ("source /opt/venv/bin/activate; DAY=1 /opt/d.sh", "d.sh"),
        ("sleep 30; /opt/d.sh", "d.sh"),
        ("cd /srv", "cd"),
        ("echo 'it does not end", "echo"),
    ],
)
def test_the_name_is_that_of_the_program_that_matters(command: str, name: str) -> None:
    (one,) = entries_of(f"* * * * * {command}\n", "t", "UTC", system=False)
    assert one.name == name


# -- wrapping ----------------------------------------------------------------------------------


def wrap(text: str, *, system: bool = False) -> str:
    return wrapped(text, entries_of(text, "t", "UTC", system=system), PREFIX, system=system)


def test_a_program_with_arguments_stands_behind_exec_as_it_is() -> None:
    assert wrap(USER).splitlines()[3] == (
        "30 3 * * *  /opt/trackside exec --namespace web1 --name backup.sh -- "
        "/usr/local/bin/backup.sh --all"
    )


def test_what_needs_a_shell_gets_the_crontabs_own() -> None:
    line = wrap(USER).splitlines()[5]
    assert line.endswith("--name load.py -- /bin/bash -c 'cd /srv/app && ./load.py 2>&1 | logger'")


def test_what_cron_gives_as_input_stays_behind() -> None:
    line = wrap(USER).splitlines()[9]
    assert line.endswith("-- /usr/bin/mail -s hello ann%dear ann%all is well")


def test_a_user_stays_before_the_command() -> None:
    assert wrap(SYSTEM, system=True).splitlines()[1] == (
        "-@hourly ann /opt/trackside exec --namespace web1 --name true -- /bin/true"
    )


@pytest.mark.parametrize(("text", "system"), [(USER, False), (SYSTEM, True)])
def test_wrapping_again_changes_nothing_and_keeps_names_and_times(
    text: str, *, system: bool
) -> None:
    once = wrap(text, system=system)
    assert wrap(once, system=system) == once
    before, after = (entries_of(one, "t", "UTC", system=system) for one in (text, once))
    assert [(one.name, one.schedule) for one in before] == [
        (one.name, one.schedule) for one in after
    ]
    assert all(one.wrapped for one in after)
    kept = [line for line in text.splitlines() if line.startswith(("#", "SHELL", "MAIL", "CRON"))]
    assert [line for line in once.splitlines() if line in kept] == kept


def test_all_but_the_wrapped_lines_stay_byte_by_byte() -> None:
    text = "# \udcff not UTF-8\r\n\n5 4 * * * /bin/a  \n# end"
    assert wrap(text).splitlines(keepends=True)[0::3] == ["# \udcff not UTF-8\r\n", "# end"]


@pytest.mark.parametrize(
    "command", ["echo 'it'\"'\"'s' $HOME > out", "true && printf '%s\\n' a b", "cd / ; pwd"]
)
def test_a_wrapped_command_does_the_same_in_a_shell(tmp_path: Path, command: str) -> None:
    program = tmp_path / "trackside"
    program.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n')
    program.chmod(0o755)
    escaped = command.replace("%", "\\%")
    text = f"* * * * * {escaped}\n"
    entries = entries_of(text, "t", "UTC", system=False)
    line = wrapped(text, entries, (str(program), "exec"), system=False)
    # As cron does it: it takes the escapes away, and the shell gets the rest.
    given = line.rstrip("\n").split(" ", 5)[5].replace("\\%", "%")

    def said(script: str) -> tuple[bytes, str]:
        (tmp_path / "out").write_text("")
        done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, check=True)
        return done.stdout, (tmp_path / "out").read_text()

    assert said(given) == said(command)


def test_what_is_no_plain_program_is_left_to_the_shell() -> None:
    assert is_plain("/bin/a --b=c d")
    assert not any(map(is_plain, ["a", "A=b /bin/c", "/bin/a | b", "/bin/a 'b'", "/bin/a *"]))


# -- timers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "cron"),
    [
        ("daily", "0 0 * * *"),
        ("weekly", "0 0 * * 1"),
        ("quarterly", "0 0 1 1,4,7,10 *"),
        ("*-*-* 03:30:00", "30 3 * * *"),
        ("03:30", "30 3 * * *"),
        ("Mon..Fri *-*-* 06:15", "15 6 * * 1,2,3,4,5"),
        ("Sat,Sun 10:00", "0 10 * * 6,0"),
        ("*:0/15", "0-59/15 * * * *"),
        ("*-*-01,15 12:00:00", "0 12 1,15 * *"),
        ("*-*-* 8..18:00", "0 8-18 * * *"),
        ("Mon *-*-01 00:00", None),
        ("*-*-* *:*:30", None),
        ("2027-01-01 00:00", None),
        ("*-*~1", None),
        ("now and then", None),
    ],
)
def test_a_calendar_event_is_a_cron_where_one_says_the_same(event: str, cron: str | None) -> None:
    found = systemd.cron_of(event)
    assert (found and found[0]) == cron


def test_a_timer_has_the_zone_delay_and_command_that_it_tells() -> None:
    timer = "[Timer]\nOnCalendar=*-*-* 02:00:00 Europe/Zurich\nRandomizedDelaySec=1h 30min\n"
    service = "[Service]\nExecStart=/usr/bin/backup \\\n  --all\n"
    one = systemd.entry_of(timer, service, "backup.timer", "/x/backup.timer", "UTC")
    assert (one.name, one.command) == ("backup", "/usr/bin/backup    --all")
    assert one.schedule == Schedule("cron", "0 2 * * *", "Europe/Zurich", grace_s=5400)


def test_a_timer_that_counts_from_its_last_run_is_an_interval() -> None:
    one = systemd.entry_of("OnBootSec=5min\nOnUnitActiveSec=1d\n", None, "a.timer", "a", "UTC")
    assert one.schedule == Schedule("interval", "PT86400S")


def test_a_timer_that_no_cron_can_say_is_told_with_why() -> None:
    one = systemd.entry_of("OnCalendar=Mon *-*-01\n", None, "a.timer", "a", "UTC")
    assert (one.schedule, "can't be said as a cron" in one.trouble) == (None, True)


# -- Kubernetes --------------------------------------------------------------------------------


def test_cronjobs_are_read_as_kubectl_tells_them() -> None:
    spec = {
        "schedule": "*/10 * * * *",
        "timeZone": "Europe/Zurich",
        "suspend": True,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 120,
        "jobTemplate": {
            "spec": {"template": {"spec": {"containers": [{"command": ["load"], "args": ["-a"]}]}}}
        },
    }
    bare = {"schedule": "TZ=x nonsense"}
    listed = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"kind": "CronJob", "metadata": {"name": "load", "namespace": "etl"}, "spec": spec},
            {"kind": "CronJob", "metadata": {"name": "odd", "namespace": "etl"}, "spec": bare},
        ],
    }
    first, second = kubernetes.entries_of(json.dumps(listed).encode(), "-")
    assert (first.namespace, first.name, first.command) == ("kubernetes", "etl/load", "load -a")
    assert first.schedule == Schedule(
        "cron",
        "*/10 * * * *",
        "Europe/Zurich",
        paused=True,
        max_active_runs=1,
        grace_s=120,
        timing="shown",
    )
    assert (second.schedule, bool(second.trouble)) == (None, True)


def test_shell_words_of_the_prefix_are_quoted() -> None:
    text = "* * * * * /bin/a\n"
    entries = entries_of(text, "t", "UTC", system=False)
    line = wrapped(text, entries, ("trackside", "exec", "--namespace", "my host"), system=False)
    assert shlex.split(line)[8] == "my host"
