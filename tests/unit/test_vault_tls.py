"""A Vault whose certificate the company has made itself is trusted by its file, and by nothing else."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hub.errors import ConfigError
from hub.vaults.hashicorp import resolver
from tests.support.fake_vault import TOKEN, VALUE

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="Debian's openssl has it")


class Answers(BaseHTTPRequestHandler):
    """As a key-value engine that hides its mounts answers."""

    def do_GET(self) -> None:
        body = json.dumps({"data": {"data": {"token": VALUE}}}).encode()
        self.send_response(403 if "/internal/" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as it is called there
        """Nothing."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of localhost, by nobody else; its key stands in the same file."""
    folder = tmp_path_factory.mktemp("certificate")
    asked = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=vault -keyout {folder}/key -out {folder}/crt"
    command = ["openssl", *asked.split(), "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    both = folder / "both.pem"
    both.write_text((folder / "key").read_text() + (folder / "crt").read_text())
    return both


@pytest.fixture(autouse=True)
def vault(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("VAULT_ADDR", f"https://localhost:{server.server_port}")
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    yield
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_it_is_asked_where_its_file_is_named(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="can't be reached"):
        resolver()("secret/slack#token")
    monkeypatch.setenv("VAULT_CACERT", str(certificate.with_name("crt")))
    assert resolver()("secret/slack#token") == VALUE


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_is_none_is_told_of_by_its_variable(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("VAULT_CACERT", str(file))
    with pytest.raises(ConfigError, match="VAULT_CACERT"):
        resolver()("secret/slack#token")
