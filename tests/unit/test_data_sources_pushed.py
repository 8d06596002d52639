"""The data sources of the dashboards come into a Grafana once, and what people changed there stays."""

from __future__ import annotations

import pytest

from dashboards.provision import Fate, Grafana
from dashboards.sources import Wanted, provisioned, push_sources
from hub.errors import ConfigError
from tests.support.fake_grafana import TOKEN, FakeGrafana

HUB_TOKEN = "tsk_right"
WANTED = Wanted("http://prometheus:9090/", "http://hub:8080", HUB_TOKEN)
PROMETHEUS, HUB = "trackside-prometheus", "trackside-hub-api"


@pytest.fixture
def fake() -> FakeGrafana:
    return FakeGrafana()


def pushed(fake: FakeGrafana, wanted: Wanted = WANTED, *, force: bool = False) -> dict[str, Fate]:
    grafana = Grafana("http://grafana.test", TOKEN, transport=fake.transport)
    return push_sources(grafana, wanted, force=force)


def test_both_are_made_and_a_second_push_writes_nothing(fake: FakeGrafana) -> None:
    assert pushed(fake) == {PROMETHEUS: Fate.CREATED, HUB: Fate.CREATED}
    assert fake.sources[PROMETHEUS]["url"] == "http://prometheus:9090"
    assert fake.sources[HUB]["jsonData"]["allowedHosts"] == ["http://hub:8080"]
    assert fake.sources[HUB]["jsonData"]["auth_method"] == "bearerToken"
    fake.writes.clear()
    assert set(pushed(fake).values()) == {Fate.UNCHANGED}
    assert fake.writes == []


def test_only_those_whose_address_is_told_are_made(fake: FakeGrafana) -> None:
    assert pushed(fake, Wanted()) == {}
    assert pushed(fake, Wanted(prometheus="http://prometheus:9090")) == {PROMETHEUS: Fate.CREATED}


def test_a_token_is_handed_over_as_a_secret_only_and_again_when_it_is_another(
    fake: FakeGrafana,
) -> None:
    pushed(fake)
    assert fake.secrets[HUB] == {"bearerToken": HUB_TOKEN}
    assert HUB_TOKEN not in str(fake.sources) + repr(WANTED)
    rotated = Wanted(WANTED.prometheus, WANTED.hub, "tsk_rotated")
    assert pushed(fake, rotated) == {PROMETHEUS: Fate.UNCHANGED, HUB: Fate.UPDATED}
    assert fake.secrets[HUB] == {"bearerToken": "tsk_rotated"}


def test_another_address_is_told_and_what_people_own_stays(fake: FakeGrafana) -> None:
    pushed(fake)
    fake.edit_source(PROMETHEUS, isDefault=True)
    moved = Wanted("http://elsewhere:9090", WANTED.hub, HUB_TOKEN)
    assert pushed(fake, moved)[PROMETHEUS] is Fate.UPDATED
    there = fake.sources[PROMETHEUS]
    assert (there["url"], there["isDefault"]) == ("http://elsewhere:9090", True)


def test_what_a_person_changed_stays_until_it_is_forced(fake: FakeGrafana) -> None:
    pushed(fake)
    fake.edit_source(PROMETHEUS, url="http://thanos:9090")
    assert pushed(fake)[PROMETHEUS] is Fate.KEPT
    assert fake.sources[PROMETHEUS]["url"] == "http://thanos:9090"
    assert pushed(fake, force=True)[PROMETHEUS] is Fate.UPDATED
    assert fake.sources[PROMETHEUS]["url"] == "http://prometheus:9090"
    assert pushed(fake)[PROMETHEUS] is Fate.UNCHANGED


def test_one_that_a_person_made_or_a_file_provisions_stays(fake: FakeGrafana) -> None:
    pushed(fake)
    fake.edit_source(PROMETHEUS, jsonData={"httpMethod": "POST"})
    assert pushed(fake)[PROMETHEUS] is Fate.KEPT
    fake.edit_source(PROMETHEUS, readOnly=True)
    assert pushed(fake, force=True)[PROMETHEUS] is Fate.KEPT


def test_one_of_the_same_name_is_told_and_not_taken(fake: FakeGrafana) -> None:
    pushed(fake)
    fake.sources["mine"] = {**fake.sources.pop(PROMETHEUS), "uid": "mine"}
    with pytest.raises(ConfigError, match="409: one of that name is there"):
        pushed(fake)


@pytest.mark.parametrize("url", ["prometheus:9090", "http://me:hunter2@prometheus:9090"])
def test_an_address_that_is_none_or_holds_a_password_is_refused(
    url: str, fake: FakeGrafana
) -> None:
    with pytest.raises(ConfigError, match="the address of Prometheus") as refused:
        pushed(fake, Wanted(prometheus=url))
    assert "hunter2" not in str(refused.value)
    assert fake.writes == []


def test_the_file_holds_them_with_what_grafana_finds_the_token_by() -> None:
    made = provisioned(Wanted("http://prometheus:9090", "http://hub:8080", "$__env{HUB_TOKEN}"))
    by_uid = {one["uid"]: one for one in made["datasources"]}
    assert by_uid[HUB]["secureJsonData"] == {"bearerToken": "$__env{HUB_TOKEN}"}
    assert "secureJsonData" not in by_uid[PROMETHEUS]
