"""Names with slashes are found behind a real nginx, whichever way it hands paths on."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.support.hub_process import HubProcess, event
from tests.support.ports import free_port

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not Path(NGINX).exists(), reason="no nginx: Debian's nginx-light has it"),
]
NAMESPACE = "postgres://dwh:5432"
DATASET = "shop/public/orders #1"
CONFIG = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {merging}
  server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass {target}; proxy_set_header Host 127.0.0.1; }} }}
}}
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with HubProcess(tmp_path_factory.mktemp("hub")) as hub:
        sent = event("etl/orders")
        sent["outputs"] = [{"namespace": NAMESPACE, "name": DATASET}]
        assert hub.post(sent).status_code == httpx.codes.CREATED
        yield hub


@pytest.fixture(
    params=[("{url}", ""), ("{url}/", "merge_slashes off;")], ids=["as it came", "decoded"]
)
def proxy(request: pytest.FixtureRequest, hub: HubProcess, tmp_path: Path) -> Iterator[str]:
    """nginx keeps `%2F` where proxy_pass names no path, and decodes it where it does."""
    target, merging = request.param
    port = free_port()
    config = tmp_path / "nginx.conf"
    config.write_text(
        CONFIG.format(
            folder=tmp_path, port=port, target=target.format(url=hub.url), merging=merging
        )
    )
    process = subprocess.Popen([NGINX, "-c", str(config), "-e", str(tmp_path / "error.log")])
    try:
        _await(port)
        yield f"http://127.0.0.1:{port}/api/v1"
    finally:
        process.terminate()
        process.wait(10)


def _await(port: int) -> None:
    for _ in range(100):
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("nginx does not answer")


def test_a_dataset_with_slashes(proxy: str) -> None:
    namespace, name = quote(NAMESPACE, safe=""), quote(DATASET, safe="")
    found = httpx.get(f"{proxy}/namespaces/{namespace}/datasets/{name}")
    assert found.status_code == httpx.codes.OK, found.text
    assert found.json()["id"] == {"namespace": NAMESPACE, "name": DATASET}


def test_what_lies_below_it(proxy: str) -> None:
    namespace, name = quote(NAMESPACE, safe=""), quote(DATASET, safe="")
    found = httpx.get(f"{proxy}/namespaces/{namespace}/datasets/{name}/versions")
    assert found.json()["totalCount"] == 1


def test_a_job_with_slashes(proxy: str) -> None:
    found = httpx.get(f"{proxy}/namespaces/first/jobs/{quote('etl/orders', safe='')}/runs")
    assert len(found.json()["runs"]) == 1


def test_a_node_of_the_lineage(proxy: str) -> None:
    node = f"dataset:{NAMESPACE}:{DATASET}"
    found = httpx.get(f"{proxy}/lineage", params={"nodeId": node})
    assert node in {n["id"] for n in found.json()["graph"]}
