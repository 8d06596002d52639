"""Secrets are taken out of events; everything else stays as it is."""

import json
import time
from typing import Any

import pytest

from hub.openlineage.decode import decode_event
from hub.openlineage.redact import Redactor
from tests.support.samples import own, own_events, shared_events

Json = dict[str, Any]

PLAIN = Redactor(run_configuration=False, sql_literals=False, source_code=False)


def redacted(value: Any, redactor: Redactor = PLAIN) -> Any:
    return json.loads(redactor.redact(json.dumps(value).encode()))


def untouched(value: Any, redactor: Redactor = PLAIN) -> bool:
    raw = json.dumps(value).encode()
    return redactor.redact(raw) is raw


@pytest.mark.parametrize(
    "key",
    [
        "password", "PASSWORD", "db_password", "dbPassword", "passwd", "secret", "client_secret",
        "clientSecrets", "token", "access_token", "token2", "api_key", "apiKey", "API-KEY",
        "X-Api-Key", "aws_secret_access_key", "awsSecretAccessKey", "private_key", "credential",
        "credentials", "Authorization", "proxy-authorization", "password_hash", "secretValue",
        "pwd", "dbPwd", "passphrase", "SSH_KEY_PASSPHRASE", "SharedAccessSignature",
    ],
)  # fmt: skip
def test_the_value_of_a_key_that_looks_secret_is_masked(key: str) -> None:
    assert redacted({"a": [{key: "hunter2"}]}) == {"a": [{key: "***"}]}
    assert redacted({key: {"user": "me", "parts": ["x", None]}}) == {
        key: {"user": "***", "parts": ["***", None]}
    }


@pytest.mark.parametrize(
    "key",
    [
        "tokenEndpoint", "token_url", "secret_name", "password_policy", "tokenizer", "keys", "key",
        "passwordless", "authorization_endpoint", "credentials_path", "secretary", "monkey",
        "step_key", "partition_key", "primary_key",
    ],
)  # fmt: skip
def test_a_key_that_only_sounds_like_it_is_left_alone(key: str) -> None:
    assert untouched({"a": [{key: "value"}]})


def test_what_can_be_no_secret_is_left_alone() -> None:
    assert untouched({"password": None, "token": "", "secret": True, "max_tokens": 100})
    assert redacted({"password": 12345}) == {"password": "***"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://me:hunter2@host:5432/db", "postgres://me:***@host:5432/db"),
        ("amqp://:hunter2@host", "amqp://:***@host"),
        ("jdbc:sqlserver://h;user=me;password=hunter2;x=1",
         "jdbc:sqlserver://h;user=me;password=***;x=1"),
        ("https://h/p?api_key=hunter2&x=1", "https://h/p?api_key=***&x=1"),
        ("curl -H 'Authorization: Bearer hunter2'", "curl -H 'Authorization: ***'"),
        ("sent Bearer abcdefgh.ijklmnop-qrst", "sent Bearer ***"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key *** used"),
        ("{'api_key': 'hunter2', 'n': 1}", "{'api_key': '***', 'n': 1}"),
        ('{"token": "hunter2", "n": 1}', '{"token": "***", "n": 1}'),
        ("connect(password='hunter2', host='h')", "connect(password='***', host='h')"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----",
         "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----"),
    ],
)  # fmt: skip
def test_secrets_within_texts_are_masked(text: str, expected: str) -> None:
    assert redacted({"a": [f"before {text} after"]}) == {"a": [f"before {expected} after"]}


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/apache/airflow/tree/providers-openlineage/2.20.3",
        "https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json#/$defs/X",
        "mail me@example.com", "http://host:8080/path@tag", "git@github.com:a/b.git",
        "user=me", "the token of a user", "passwords are bad", "max_tokens=100",
        "Asia/Tokyo", "ASIA", "bearer of bad news", "s3://bucket/a:b",
    ],
)  # fmt: skip
def test_harmless_texts_are_left_alone(text: str) -> None:
    assert untouched({"a": [text]})


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27u"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
AZURE_KEY = "aB3+" * 21 + "Az=="


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Driver=x;UID=sa;PWD=hunter2;", "Driver=x;UID=sa;PWD=***;"),
        ("key with passphrase: hunter2", "key with passphrase: ***"),
        ("AccountName=a;AccountKey=aHVudGVyMg==;x=1", "AccountName=a;AccountKey=***;x=1"),
        (f"the key {AZURE_KEY} of", "the key *** of"),
        ("SharedAccessSignature=sv=2022&se=2026&sig=hunter2%2Bhunter2%3D;x=1",
         "SharedAccessSignature=***&se=2026&sig=***;x=1"),
        ("SharedAccessSignature sr=x&sig=hunter2hunter2&se=1&skn=k",
         "SharedAccessSignature sr=x&sig=***&se=1&skn=k"),
        ("dump --password hunter2 --db x", "dump --password *** --db x"),
        ("dump --db-password 'hunter 2' x", "dump --db-password '***' x"),
        ("login --token hunter2", "login --token ***"),
        ("login --token=hunter2", "login --token=***"),
        ("['login', '--token', 'hunter2', 'x']", "['login', '--token', '***', 'x']"),
        ('["login", "--token", "hunter2"]', '["login", "--token", "***"]'),
        ("mysqldump -u root -phunter2 db", "mysqldump -u root -p*** db"),
        ("sshpass -p hunter2 ssh host", "sshpass -p *** ssh host"),
        ("docker login -u me -p hunter2 r.io", "docker login -u me -p *** r.io"),
        ("redis-cli -h h -a hunter2 ping", "redis-cli -h h -a *** ping"),
        ("curl -sS -u me:hunter2 https://h", "curl -sS -u me:*** https://h"),
        ("curl --user 'me:hunter2' https://h", "curl --user 'me:***' https://h"),
        ("['curl', '-u', 'me:hunter2']", "['curl', '-u', 'me:***']"),
        ("Authorization: Basic bWU6aHVudGVyMg==", "Authorization: Basic ***"),
        ("header Basic bWU6aHVudGVyMg== was", "header Basic *** was"),
        ("Authorization: Token hunter2", "Authorization: ***"),
        ("connect(password='hunter2 hunter2', h=1)", "connect(password='***', h=1)"),
        (f"AKIAIOSFODNN7EXAMPLE:{AWS_SECRET}", "***"),
        (f"AKIAIOSFODNN7EXAMPLE, {AWS_SECRET} used", "*** used"),
        (f"the JWT {JWT} is old", "the JWT *** is old"),
        ("xoxb-123456789012-abcdefGHIJKL", "***"),
        ("https://hooks.slack.com/services/T0/B0/abcXYZ", "https://***"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "***"),
        ("github_pat_11ABCDEFG0abcdefghijklmnop", "***"),
        ("pypi-AgEIcHlwaS5vcmcCJGFiY2RlZmdoaWprbG1u", "***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMI\n-----END RSA PRIVATE KEY-----",
         "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----"),
    ],
)  # fmt: skip
def test_secrets_of_known_shape_are_masked(text: str, expected: str) -> None:
    assert redacted({"a": [f"before {text} after"]}) == {"a": [f"before {expected} after"]}


def test_what_follows_a_flag_in_a_list_of_arguments_is_masked() -> None:
    flags = ["run", "--db-password", "hunter2", "--token", "--verbose", "--max-tokens", 100]
    assert redacted({"args": flags}) == {
        "args": ["run", "--db-password", "***", "--token", "--verbose", "--max-tokens", 100]
    }


@pytest.mark.parametrize(
    "text",
    [
        "select sig, token_id from t join s on t.token = s.token where t.sig = s.sig",
        "select a.password_hash from a where a.pwd = ?", "select signature = sig from calls",
        "update t set token = ? where id = %s", "insert into t (sig, token) values (?, ?)",
        "-- passwords of all\nselect 1", "psql -p 5432 -U me", "mkdir -p /a/b", "ssh -p 22 host",
        "docker run -p 8080:80 x", "mysql -h host db", "mysql://host:3306", "python -u a:b.py",
        "curl -u me https://h", "Basic authentication failed", "basic understanding of it",
        "PWD=/opt/airflow", "OLDPWD=/home/me", "/data/sig/design=1/f.parquet", "design=something_long",
        "https://h/f?version=3&page=2", "https://h/docs?signature=2", "f(signature=abcdefghijk)",
        "eyJ", "if a == b", "xox-o", "account_key=17", "highpriority_key",
    ],
)  # fmt: skip
def test_what_only_resembles_a_secret_is_left_alone(text: str) -> None:
    assert untouched({"a": [text], "PWD": "/opt/airflow"})


S3 = "https://b.s3.amazonaws.com/in/f.csv"
SIGNED = [
    "?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F{n}&X-Amz-Date={n}&X-Amz-Signature=deadbeefdead{n}",
    "?GoogleAccessId=a@b&Expires={n}&Signature=hunter2%2Bhunter2{n}",
    "?sv=2022-11-02&se={n}&sr=b&sp=r&sig=hunter2hunter2{n}%3D",
    "?Policy=hunter2&Signature=hunter2hunter2{n}&Key-Pair-Id=K",
    "?expires={n}&token=hunter2hunter2{n}",
]


@pytest.mark.parametrize("query", SIGNED)
def test_a_signed_url_loses_its_query_so_that_its_dataset_keeps_one_name(query: str) -> None:
    def names(number: int) -> list[tuple[str, str]]:
        url = S3 + query.format(n=number)
        facets = {
            "dataSource": {"name": "s3", "uri": url},
            "symlinks": {"identifiers": [{"namespace": "s3://b", "name": url, "type": "TABLE"}]},
        }
        event = own("airflow/task_fail_final_try3.json") | {
            "inputs": [{"namespace": "https://b", "name": url, "facets": facets}],
            "outputs": [{"namespace": "https://b", "name": "/f.csv" + query.format(n=number)}],
        }
        clean = redactor.redact(json.dumps(event).encode())
        assert b"hunter2" not in clean
        assert b"deadbeef" not in clean
        assert S3.encode() + b"?***" in clean
        return [(one.name.namespace, one.name.name) for one in decode_event(clean).datasets]

    redactor = Redactor()
    assert names(1785000001) == names(1785009999)
    assert ("https://b", "/f.csv?***") in names(1)


def test_a_signature_is_found_however_json_escapes_the_url() -> None:
    raw = b'{"url": "https:\\/\\/h\\/f?x=1\\u0026sig\\u003dhunter2hunter2"}'
    assert json.loads(PLAIN.redact(raw)) == {"url": "https://h/f?***"}


def test_a_command_is_looked_at_though_an_event_of_the_same_letters_was_clean() -> None:
    redactor = Redactor()
    assert untouched({"a": "mysql u 1"}, redactor)
    assert redacted({"a": "mysql -u -p1 1"}, redactor) == {"a": "mysql -u -p*** 1"}
    assert untouched({"a": "/sig/12345678"}, redactor)
    assert redacted({"a": "?sig=12345678"}, redactor) == {"a": "?***"}


def test_names_and_values_that_stand_apart_belong_together() -> None:
    pairs = [{"name": "DB_PASSWORD", "value": "x"}, {"key": "team", "value": "y"}]
    assert redacted({"parameters": pairs}) == {
        "parameters": [{"name": "DB_PASSWORD", "value": "***"}, {"key": "team", "value": "y"}]
    }


def test_names_of_columns_and_tasks_are_no_keys() -> None:
    source = [{"namespace": "db", "name": "users", "field": "password"}]
    lineage = {"fields": {"password": {"inputFields": source}, "api_key": {"inputFields": []}}}
    facets = {"columnLineage": lineage, "schema": {"fields": [{"name": "token", "type": "str"}]}}
    assert untouched({"outputs": [{"namespace": "d", "name": "t", "facets": facets}]})
    state = {"tasksState": {"refresh_token": "success"}, "tasksDuration": {"get_password": 1.5}}
    tasks = {"tasks": {"rotate_secret": {"operator": "x"}}}
    assert untouched({"facets": {"airflowState": state, "airflow": tasks, "own_secret": {"a": 1}}})


def test_environment_variables_keep_their_names() -> None:
    facet = {"environmentVariables": [{"name": "HOME", "value": "/root"}]}
    event = {"run": {"facets": {"environmentVariables": facet}}}
    masked = {"environmentVariables": [{"name": "HOME", "value": "***"}]}
    assert redacted(event) == {"run": {"facets": {"environmentVariables": masked}}}
    assert untouched(event, Redactor(environment_variables=False))


def test_of_a_run_configuration_the_keys_are_kept() -> None:
    event = {"dagRun": {"conf": {"day": "2026-01-01", "deep": {"n": 5, "on": True}}}}
    assert redacted(event, Redactor()) == {
        "dagRun": {"conf": {"day": "***", "deep": {"n": "***", "on": True}}}
    }
    assert untouched(event)
    assert untouched({"dagRun": {"conf": {}}, "task": {"conf": None}}, Redactor())
    compact = b'{"a":{"conf":{}},"dagRun":{"conf":{"x":1}}}'
    assert Redactor().redact(compact) == b'{"a":{"conf":{}},"dagRun":{"conf":{"x":"***"}}}'


def test_literals_in_sql_are_replaced() -> None:
    query = "select c_1 from t2 where n = 'it''s' and x > 3.5 limit 10"
    event = {"job": {"facets": {"sql": {"query": query}}}}
    assert redacted(event, Redactor()) == {
        "job": {"facets": {"sql": {"query": "select c_1 from t2 where n = ? and x > ? limit ?"}}}
    }
    assert untouched(event)


def test_source_code_and_stack_traces_are_taken_out_where_that_is_wanted() -> None:
    code = {"sourceCode": {"language": "python", "sourceCode": "print(1)"}}
    assert redacted(code, Redactor())["sourceCode"] == {"language": "python", "sourceCode": "***"}
    trace = {"errorMessage": {"message": "m", "stackTrace": "File x"}}
    assert untouched(trace, Redactor())
    assert redacted(trace, Redactor(stack_traces=True)) == {
        "errorMessage": {"message": "m", "stackTrace": "***"}
    }


def test_the_operator_may_add_words_and_patterns() -> None:
    own_rules = Redactor(keys=["pin", "iban"], patterns=[r"\b\d{3}-\d{2}\b"])
    assert redacted({"card_pin": "1", "IBAN": "DE1", "a": "no 123-45"}, own_rules) == {
        "card_pin": "***",
        "IBAN": "***",
        "a": "no ***",
    }


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"password": "hunter2", "a": ', b'{"password": "***", "a": '),
        (b'{"password": "hunter2', b'{"password": "***"'),
        (b'\xff{"token":"hunter2","u":"x://a:hunter2@h"',
         b'\xff{"token":"***","u":"x://a:***@h"'),
        (b'{"n": 1e999, "password": "hunter2"}', b'{"n": 1e999, "password": "***"}'),
        (b'{"s": "\\ud800", "password": "hunter2"}', b'{"s": "\\ud800", "password": "***"}'),
        (b'{"n": NaN, "conf": {"a": "hunter2"}}', b'{"n":null,"conf":{"a":"***"}}'),
    ],
)  # fmt: skip
def test_what_is_not_json_is_cleaned_as_text(raw: bytes, expected: bytes) -> None:
    assert Redactor().redact(raw) == expected


def test_a_number_of_any_size_survives() -> None:
    big = 10**30
    assert redacted({"password": "x", "n": big}) == {"password": "***", "n": big}


def test_deep_nesting_is_cleaned_too() -> None:
    raw = b"[" * 100_000 + b'{"password": "hunter2"'
    assert b"hunter2" not in Redactor().redact(raw)


def test_clean_events_are_given_back_as_they_are() -> None:
    touched = [name for name, raw in own_events("dagster") if PLAIN.redact(raw) is not raw]
    assert touched == []
    touched = [name for name, raw in own_events("airflow") if PLAIN.redact(raw) is not raw]
    assert touched == []


@pytest.mark.parametrize("samples", [own_events, shared_events])
def test_redacted_events_decode_to_the_same_facts(samples: Any) -> None:
    redactor = Redactor()
    for name, raw in samples():
        before, after = decode_event(raw), decode_event(redactor.redact(raw))
        assert [d.name for d in after.datasets] == [d.name for d in before.datasets], name
        assert after.job == before.job or before.job, name
        assert after.warnings == before.warnings, name


def test_no_secret_planted_anywhere_in_an_event_is_left_after_decoding() -> None:
    event = own("airflow/task_fail_final_try3.json")
    plant(event)
    read = decode_event(Redactor().redact(json.dumps(event).encode()))
    assert "hunter2" not in repr(read)


def plant(value: Any) -> None:
    """A password beside every member, and one in the texts that may be long."""
    if isinstance(value, dict):
        for item in list(value.values()):
            plant(item)
        for key in ("message", "stackTrace", "description", "log_url"):
            if key in value:
                value[key] += " postgres://u:hunter2@h password='hunter2' Bearer hunter2hunter2hu"
        if "_producer" in value or not value:
            value["db_password"] = "hunter2"
    elif isinstance(value, list):
        for item in value:
            plant(item)


def test_an_event_that_looks_like_a_clean_one_is_still_looked_at_where_it_matters() -> None:
    redactor = Redactor()
    clean = {"dagRun": {"conf": {}}, "when": "2026-01-01", "id": "0123abcd", "u": "http://h/x"}
    assert untouched(clean, redactor)
    assert untouched(clean | {"when": "2026-01-02", "id": "deadbeef"}, redactor)
    assert redacted(clean | {"dagRun": {"conf": {"a": 5}}}, redactor)["dagRun"] == {
        "conf": {"a": "***"}
    }
    assert redacted(clean | {"u": "http://abc:dead@h/x"}, redactor)["u"] == "http://abc:***@h/x"
    assert redacted(clean | {"token": "cafe"}, redactor)["token"] == "***"
    assert untouched(clean | {"token": ""}, redactor)
    assert redacted(clean | {"token": "beef"}, redactor)["token"] == "***"


def test_a_word_that_a_print_can_not_show_is_still_found() -> None:
    redactor = Redactor(keys=["cafe"])
    assert untouched({"a": "dead"}, redactor)
    assert redacted({"cafe": "dead"}, redactor) == {"cafe": "***"}


@pytest.mark.parametrize(
    "piece",
    [
        "eyJ-", "?expir&", "&expir", "&token=&expir", "?sig=", "--password", "--password ", "curl ",
        "docker login ", "mysql -", "password='", 'token=\\"', "AKIA", "-----BEGIN PRIVATE KEY-----",
        "basic aaaaaa ", "://a:", "a.", "gh", "==",
    ],
)  # fmt: skip
def test_no_text_keeps_it_busy(piece: str) -> None:
    raw = json.dumps({"token": "x", "sig=curl basic mysql": "y", "a": piece * 40_000}).encode()
    started = time.perf_counter()
    PLAIN.redact(raw)
    assert time.perf_counter() - started < 5
