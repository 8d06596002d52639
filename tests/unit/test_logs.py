"""One pipeline for all logs, and no secret in any line."""

import io
import json
import logging

import pytest
import structlog

from hub import logs
from hub.access import new_token

SECRETS = {
    "our token": ("Bearer tsk_Wj1zauYbJP6p2TpkHIVNhUMw92h8QSYxusjoNkeAzLM", "tsk_Wj1z"),
    "our token alone": ("got tsk_Wj1zauYbJP6p2TpkHIVNhUMw92h8QSYxusjoNkeAzLM.", "tsk_Wj1z"),
    "bearer": ("Authorization: Bearer abcdef123456", "abcdef123456"),
    "basic": ("authorization: basic YW5uOnNlY3JldA==", "YW5uOnNl"),
    "a URL's password": ("postgresql://ann:hunter2@db/x", "hunter2"),
    "a URL's odd password": ("redis://:hun:ter2@db/x", "ter2"),
    "a parameter": ("host=db password=hunter22 user=ann", "hunter22"),
    "a query": ("/x?api_key=hunter22&y=1", "hunter22"),
    "JSON": ('{"client_secret": "hunter22"}', "hunter22"),
    "Slack": ("xoxb-123456789012-abcdefghij", "abcdefghij"),
    "a Slack webhook": ("https://hooks.slack.com/services/T1/B2/abcdef", "abcdef"),
    "GitHub": ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghij"),
    "AWS": ("AKIAABCDEFGHIJKLMNOP", "ABCDEFGHIJ"),
    "a JWT": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "c2lnbmF0"),
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS)
def test_what_looks_like_a_secret_is_masked(text: str, secret: str) -> None:
    assert secret not in logs.mask(text)
    assert logs.MASK in logs.mask(text)


@pytest.mark.parametrize(
    "text",
    [
        "nothing to hide",
        "the token 'airflow-prod' was revoked",
        "token_count is 3",
        "ann@example.com wrote",
        "https://hub.example.com/api/v1/jobs?limit=3",
        "s3://bucket/key@version",
        "password is wrong",
        "trackside token create NAME --scope operate",
    ],
)
def test_other_text_stays_readable(text: str) -> None:
    assert logs.mask(text) == text


def test_masking_twice_changes_nothing_more() -> None:
    for text, _ in SECRETS.values():
        assert logs.mask(logs.mask(text)) == logs.mask(text)


def test_a_value_is_masked_by_the_name_of_its_key(stream: io.StringIO) -> None:
    log = structlog.get_logger("test")
    log.info("x_done", password="short", inner={"api_key": "k", "list": [{"my_token": "t"}]})
    line = json.loads(stream.getvalue())
    assert line["password"] == "***"
    assert line["inner"] == {"api_key": "***", "list": [{"my_token": "***"}]}


def test_names_of_tokens_may_be_told(stream: io.StringIO) -> None:
    structlog.get_logger("test").info("token_created", token_name="airflow")
    assert json.loads(stream.getvalue())["token_name"] == "airflow"


def test_a_line_has_its_action_level_time_and_logger(stream: io.StringIO) -> None:
    structlog.get_logger("test.place").warning("queue_full", events=7)
    line = json.loads(stream.getvalue())
    assert line["action"] == "queue_full"
    assert (line["level"], line["logger"], line["events"]) == ("warning", "test.place", 7)
    assert line["timestamp"].endswith("Z")


def test_a_stack_trace_holds_no_secret(stream: io.StringIO) -> None:
    token = new_token()
    try:
        int(token)
    except ValueError as error:
        structlog.get_logger("test").error("x_failed", exc_info=error)
    assert "ValueError" in stream.getvalue()
    assert token not in stream.getvalue()


def test_logs_of_libraries_take_the_same_way_and_are_masked(stream: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("Started with %s", "tsk_0123456789abcdef")
    line = json.loads(stream.getvalue())
    assert line["action"] == "Started with ***"
    assert line["logger"] == "uvicorn.error"


def test_the_access_log_of_uvicorn_is_silent(stream: io.StringIO) -> None:
    logging.getLogger("uvicorn.access").info("GET / 200")
    assert not stream.getvalue()


def test_lines_below_the_level_are_not_told() -> None:
    stream = io.StringIO()
    logs.setup("warning", "json", stream)
    structlog.get_logger("test").info("x_done")
    logging.getLogger("test").info("x")
    assert not stream.getvalue()


def test_the_console_is_for_people(stream: io.StringIO) -> None:
    logs.setup("info", "console", stream)
    structlog.get_logger("test").info("hub_started", url="http://127.0.0.1:8080")
    assert "hub_started" in stream.getvalue()
    assert "url=http://127.0.0.1:8080" in stream.getvalue()


def test_a_line_names_the_request_it_belongs_to(stream: io.StringIO) -> None:
    reset = logs.request_id.set("r1")
    structlog.get_logger("test").info("x_done")
    logs.request_id.reset(reset)
    assert json.loads(stream.getvalue())["request_id"] == "r1"
