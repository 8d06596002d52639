"""What the operator decides, and how a mistake is told."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from hub.errors import ConfigError
from hub.settings import ClientSettings, Settings, variables
from hub.settings.masks import mask_url


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "trackside.yaml"


def load(text: str, file: Path, **environment: str) -> Settings:
    file.write_text(text)
    return Settings.load(environment=environment)


def problem(text: str, file: Path, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, file, **environment)
    return str(caught.value)


def test_without_any_configuration_the_defaults_hold(file: Path) -> None:
    settings = Settings.load(environment={})
    assert settings.config is None
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.database_url == "sqlite:///data/trackside.db"
    assert settings.is_loopback
    assert settings == Settings()


def test_a_flag_beats_a_variable_beats_the_file_beats_the_default(file: Path) -> None:
    file.write_text("port: 1\nhost: file\nlog_level: debug\nretention: {runs: 7}\n")
    environment = {"TRACKSIDE_PORT": "2", "TRACKSIDE_HOST": "variable"}
    settings = Settings.load(flags={"port": 3, "host": None}, environment=environment)
    assert settings.port == 3
    assert settings.host == "variable"
    assert settings.log_level == "debug"
    assert (settings.retention.runs, settings.retention.changes) == (7, 30)


def test_the_file_is_found_by_flag_then_by_variable_then_by_its_name(file: Path) -> None:
    file.write_text("port: 1")
    other = file.with_name("other.yaml")
    other.write_text("port: 2")
    by_variable = {"TRACKSIDE_CONFIG": str(other)}
    assert Settings.load(environment={}).port == 1
    assert Settings.load(environment=by_variable).port == 2
    assert Settings.load(file, environment=by_variable).port == 1


def test_a_named_file_that_is_missing_is_an_error(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone.yaml can't be read: No such file"):
        Settings.load("gone.yaml", environment={})


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_means_the_defaults(file: Path, text: str) -> None:
    assert load(text, file).shown() == Settings().shown()


@pytest.mark.parametrize(
    ("given", "size"), [("7", 7), ("5MiB", 5 * 1024**2), ("64 kB", 64_000), ("1G", 10**9)]
)
def test_a_size_may_have_a_unit(file: Path, given: str, size: int) -> None:
    assert load(f"max_body_bytes: {given}", file).max_body_bytes == size


def test_a_variable_carries_a_list_separated_by_commas(file: Path) -> None:
    settings = load("", file, TRACKSIDE_ALLOWED_HOSTS="hub.example, localhost")
    assert settings.allowed_hosts == ["hub.example", "localhost"]


def test_every_wrong_setting_is_told_with_its_place_what_was_found_and_expected(file: Path) -> None:
    told = problem(
        "retention:\n  runs: soon\nlog_format: xml\nteams:\n  - name: Two Words\n",
        file,
        TRACKSIDE_PORT="many",
    ).splitlines()
    assert len(told) == 4
    assert "TRACKSIDE_PORT: port: expected a valid integer" in told[0]
    assert told[0].endswith("found 'many'")
    assert "trackside.yaml:3: log_format: expected 'console' or 'json', found 'xml'" in told
    assert any(line.startswith("trackside.yaml:2: retention.runs: expected") for line in told)
    assert any(line.startswith("trackside.yaml:5: teams.0.name: expected") for line in told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot: 1", "trackside.yaml:1: prot: no such setting; did you mean port?"),
        ("retention: {run: 1}", "retention.run: no such setting; did you mean runs?"),
        ("teams: [{name: a, secret: []}]", "teams.0.secret: no such setting; did you mean secrets"),
        ("port: 1\nhost: a\nport: 2", "trackside.yaml:3: port stands here and in line 1"),
        ("port: [", "trackside.yaml is not valid YAML: line 1"),
        ("- port", "trackside.yaml:1: expected settings (name: value), found ['port']"),
        ("version: 2", "version: expected 1, found 2"),
        ("max_body_bytes: lots", "expected a number of bytes, as in 5242880 or 5MiB, found 'lots'"),
        ("orchestrators: [{kind: cron}]", "trackside.yaml:1: orchestrators.0.name: Field required"),
        ("redaction: {patterns: ['(']}", "redaction.patterns.0: expected a regular expression"),
        ("port: 2026-13-45", "trackside.yaml is not valid YAML: month must be in"),
        ("a: &a {b: *a}", "a: no such setting"),
    ],
)
def test_a_mistake_in_the_file_is_named(file: Path, text: str, told: str) -> None:
    assert told in problem(text, file)


def test_names_are_unique_and_references_known(file: Path) -> None:
    twice = "teams: [{name: data}, {name: data}]"
    assert "the team 'data' stands more than once" in problem(twice, file)
    claimed = (
        "orchestrators:\n- {name: a, kind: airflow, namespaces: [x]}\n"
        "- {name: b, kind: dagster, namespaces: [x]}\n"
    )
    assert "the claim of namespace 'x' stands more than once" in problem(claimed, file)
    stray = "orchestrators: [{name: a, kind: airflow, team: nobody}]"
    assert "names the team 'nobody'; known: none" in problem(stray, file)


def test_the_place_of_an_object_is_known_to_those_who_check_it(file: Path) -> None:
    settings = load("rules:\n  - kind: late\n    after: 5m\n  - kind: failed\n", file)
    assert settings.rules[1] == {"kind": "failed"}
    assert settings.place("rules", 0, "after") == "trackside.yaml:3"
    assert settings.place("rules", 1, "missing") == "trackside.yaml:4"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("sqlite:///a.db", "sqlite:///a.db"),
        ("sqlite:////var/lib/a.db", "sqlite:////var/lib/a.db"),
        ("postgres://u@h/d", "postgresql://u@h/d"),
        ("postgresql+psycopg://u@h/d?sslmode=require", "postgresql://u@h/d?sslmode=require"),
    ],
)
def test_a_database_url_is_of_one_of_two_engines(file: Path, given: str, kept: str) -> None:
    assert load("", file, TRACKSIDE_DATABASE_URL=given).database_url == kept


@pytest.mark.parametrize(
    "given", ["sqlite://", "sqlite:///:memory:", "mysql://u@h/d", "postgresql://h", "a.db"]
)
def test_any_other_database_url_is_refused(file: Path, given: str) -> None:
    assert "expected sqlite:///relative/path" in problem("", file, TRACKSIDE_DATABASE_URL=given)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://hub:hunter2@h/d",
        "postgresql://hub:hunter2@x@h/d",
        "postgresql://hub:hunter2/y@h/d",
        "postgresql://h/d?user=hub&password=hunter2",
    ],
)
def test_a_password_is_never_shown(file: Path, url: str) -> None:
    settings = Settings(database_url=url)
    for shown in [repr(settings), str(settings), str(settings.shown()), mask_url(url)]:
        assert "hunter2" not in shown
        assert "***" in shown
    wrong = url.replace("postgresql:", "mysql:")
    assert "hunter2" not in problem("", file, TRACKSIDE_DATABASE_URL=wrong)
    assert "hunter2" not in repr(ClientSettings.load({"TRACKSIDE_TOKEN": "hunter2"}))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.2", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("hub", False)],
)
def test_only_loopback_addresses_are_private_to_this_computer(host: str, *, loopback: bool) -> None:
    assert Settings(host=host).is_loopback is loopback


def test_the_port_that_kubernetes_sets_for_a_service_is_not_ours(file: Path) -> None:
    assert load("", file, TRACKSIDE_PORT="tcp://10.0.0.1:80").port == 8080


def test_a_misspelt_variable_is_told_and_a_foreign_one_is_not(file: Path) -> None:
    settings = load("", file, TRACKSIDE_LOGLEVEL="debug", TRACKSIDE_SLACK_TOKEN="x")
    assert settings.warnings == (
        "TRACKSIDE_LOGLEVEL is not a setting; did you mean TRACKSIDE_LOG_LEVEL?",
    )


def test_the_schema_for_editors_is_valid_and_knows_the_sections() -> None:
    schema = Settings.json_schema()
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate({"port": 1, "rules": [{"kind": "late"}]})
    assert not Draft202012Validator(schema).is_valid({"prot": 1})


def test_no_two_settings_share_a_variable() -> None:
    fields = set(Settings.model_fields) - {"version", "retention", "redaction", "teams"}
    told = {name.removeprefix("TRACKSIDE_").lower() for name in variables()}
    assert {"host", "port", "database_url", "retention_runs", "config", "token"} <= told
    assert not {"rules", "orchestrators"} & told
    assert "insecure" in fields & told
