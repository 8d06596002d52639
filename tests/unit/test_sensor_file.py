"""Sensors of files: what is there, whole, and new."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest
from pydantic import ValidationError

from hub.errors import ConfigError, Forbidden
from hub.ports.sensors import Look
from hub.sensors.file import File, FileConfig
from tests.support.outside import Outside

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


class Eye:
    """A sensor that is looked through again and again."""

    def __init__(self, path: str, root: str, **settings: Any) -> None:
        config = FileConfig(path=path, **settings)
        self.sensor = File(config, Outside(roots=[root]))
        self.cursor: dict[str, Any] = {}

    def look(self, now: datetime = NOW) -> Look:
        found = self.sensor.look(self.cursor, now)
        self.cursor = found.cursor
        return found


def put(file: Path, text: str = "x", at: datetime = NOW) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, (at.timestamp(), at.timestamp()))
    return file


def test_a_file_is_seen_once_and_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "in" / "orders.csv"
    eye = Eye(str(file), str(tmp_path))
    assert eye.look().waits_for == f"a file at file://{file}"
    put(file, "12345")
    (seen,) = eye.look().sightings
    assert (seen.at, seen.bytes, seen.files, seen.partition) == (NOW, 5, 1, "")
    assert eye.look().sightings == []
    put(file, "123456", NOW + timedelta(hours=1))
    (again,) = eye.look().sightings
    assert again.version != seen.version
    assert again.at == NOW + timedelta(hours=1)


def test_the_same_file_gives_the_same_sighting_to_whoever_looks_first(tmp_path: Path) -> None:
    file = put(tmp_path / "orders.csv")
    one, other = (Eye(str(file), str(tmp_path)).look().sightings for _ in range(2))
    assert one == other


def test_a_date_in_the_path_is_a_partition_in_its_time_zone(tmp_path: Path) -> None:
    eye = Eye(
        f"{tmp_path}/{{date:%Y/%m/%d}}/orders.csv", str(tmp_path), timezone="Pacific/Auckland"
    )
    put(tmp_path / "2026/12/01/orders.csv")
    put(tmp_path / "2026/11/30/orders.csv")
    put(tmp_path / "2026/11/29/orders.csv")
    assert [one.partition for one in eye.look().sightings] == ["2026-12-01", "2026-11-30"]
    put(tmp_path / "2026/11/30/orders.csv", "longer")
    assert [one.partition for one in eye.look().sightings] == ["2026-11-30"]
    assert set(eye.look(NOW + timedelta(days=1)).cursor["told"]) == {"2026-12-01"}


def test_hours_over_a_change_of_clocks_are_each_looked_at(tmp_path: Path) -> None:
    """In Berlin 02:00 is there twice on that night, and once the clock says so."""
    eye = Eye(
        f"{tmp_path}/{{date:%Y-%m-%d-%H%z}}.csv",
        str(tmp_path),
        timezone="Europe/Berlin",
        look_back=4,
        partition="%Y-%m-%dT%H%z",
    )
    for name in ("00+0200", "01+0200", "02+0200", "02+0100", "03+0100"):
        put(tmp_path / f"2026-10-25-{name}.csv")
    found = eye.look(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)).sightings
    assert [one.partition[11:] for one in found] == ["02+0100", "02+0200", "01+0200", "00+0200"]


def test_a_success_marker_is_waited_for(tmp_path: Path) -> None:
    put(tmp_path / "day" / "part-0.parquet")
    eye = Eye(f"{tmp_path}/day/*.parquet", str(tmp_path), marker="_SUCCESS")
    assert eye.look().waits_for == f"_SUCCESS beside file://{tmp_path}/day/*.parquet"
    put(tmp_path / "day" / "_SUCCESS", "")
    assert len(eye.look().sightings) == 1


def test_a_folder_is_all_that_it_holds(tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path / "day" / f"part-{number}", "xx", NOW + timedelta(minutes=number))
    eye = Eye(f"{tmp_path}/day", str(tmp_path), marker="part-0")
    (seen,) = eye.look().sightings
    assert (seen.files, seen.bytes, seen.at) == (3, 6, NOW + timedelta(minutes=2))


def test_what_still_grows_is_waited_for(tmp_path: Path) -> None:
    file = put(tmp_path / "orders.csv", "1")
    eye = Eye(str(file), str(tmp_path), stable_s=60, least_bytes=2)
    assert "2 bytes at" in eye.look().waits_for
    put(file, "22", NOW + timedelta(seconds=10))
    assert "to be unchanged for 50 s more" in eye.look(NOW + timedelta(seconds=20)).waits_for
    assert len(eye.look(NOW + timedelta(seconds=70)).sightings) == 1


@pytest.fixture
def memory() -> Iterator[Any]:
    """A file system that is no disk."""
    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()


def test_any_file_system_of_fsspec_is_looked_at(memory: Any) -> None:
    eye = Eye("memory://lake/in/*.csv", "memory://lake", stable_s=0)
    assert eye.look().sightings == []
    memory.pipe("/lake/in/a.csv", b"abc")
    memory.pipe("/lake/in/b.csv", b"de")
    (seen,) = eye.look().sightings
    assert (seen.files, seen.bytes) == (2, 5)


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("s3://lake/x", "s3fs", "sensors-s3"),
        ("gs://lake/x", "gcsfs", "sensors-gcs"),
        ("hdfs://lake/x", "pyarrow", "sensors-hdfs"),
        ("memory://lake/x", "fsspec.core", "sensors-file"),
    ],
)
def test_what_lacks_a_package_says_which_extra_brings_it(
    url: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError) as raised:
        Eye(url, url).look()
    assert url in str(raised.value)
    assert package.partition(".")[0] in str(raised.value)
    assert f"pip install trackside[{extra}]" in str(raised.value)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/data/../etc/passwd", "/database/x", "s3://other/x", "file:///x"]
)
def test_only_what_lies_in_a_declared_root_is_looked_at(path: str) -> None:
    with pytest.raises(Forbidden):
        File(FileConfig(path=path), Outside(roots=["/data", "s3://lake/in"]))
    File(FileConfig(path="s3://lake/in/x"), Outside(roots=["s3://lake/in/"]))


@pytest.mark.parametrize("wrong", [{"timezone": "Mars/Base"}, {"look_back": 0}, {"stabel_s": 1}])
def test_settings_that_make_no_sense_are_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FileConfig(path="/x", **wrong)
