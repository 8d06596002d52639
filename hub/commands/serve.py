"""`trackside serve`: the hub itself."""

from __future__ import annotations

import os
from contextlib import ExitStack
from importlib.metadata import version
from typing import Annotated

import structlog
import typer

from hub import logs, serve
from hub.api.hub import Hub
from hub.commands.common import ConfigFile, DatabaseUrl, command_name, load
from hub.main import running
from hub.process import tune_allocator
from hub.settings import Settings
from hub.settings.masks import mask_url
from hub.store.access import has_tokens
from hub.store.lock import Holder
from hub.web.app import create_site

log = structlog.get_logger(__name__)

GREETING = """
Trackside {version} listens on {url}

  data     {where}
  config   {config}
  access   {access}
  pages    {url}
  API      {url}/docs

Send a first event from another terminal:

    curl -i {url}/api/v1/lineage -H 'Content-Type: application/json'{token} -d '{{
      "eventType": "COMPLETE", "eventTime": "'$(date -u +%FT%TZ)'",
      "run": {{"runId": "0190a7c0-5d1e-7000-8000-000000000001"}},
      "job": {{"namespace": "first", "name": "hello"}},
      "inputs": [], "outputs": [{{"namespace": "file", "name": "/tmp/hello.csv"}}],
      "producer": "https://example.org/by-hand",
      "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"}}'

and look at it:

    curl {url}/api/v1/namespaces/first/jobs{token}

What next: docs/quickstart.md. Is all well: {command} doctor. To stop: Ctrl-C.
"""


def command(
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on (8080); 0 takes a free one.")
    ] = None,
    database_url: DatabaseUrl = None,
    config: ConfigFile = None,
    public_url: Annotated[
        str | None, typer.Option(help="Where people reach the hub, for links.", metavar="URL")
    ] = None,
    insecure: Annotated[
        bool | None,
        typer.Option("--insecure", help="Listen beyond this computer though there are no tokens."),
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error (info).")
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json (console).")] = None,
) -> None:
    """Run the hub until it is told to stop (Ctrl-C or SIGTERM).

    Everything else can be set in trackside.yaml or by TRACKSIDE_* variables, see
    [b]trackside config show[/].

    On this computer, with SQLite:   trackside serve
    With PostgreSQL, for everybody:  trackside serve --host 0.0.0.0 --database-url postgresql://...
    """
    flags = {
        "host": host,
        "port": port,
        "database_url": database_url,
        "public_url": public_url,
        "insecure": insecure,
        "log_level": log_level,
        "log_format": log_format,
    }
    run(load(config, **flags))


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; then everything that was accepted is durable."""
    logs.setup(settings.log_level, settings.log_format)
    tune_allocator()
    with ExitStack() as stack:
        sock = stack.enter_context(serve.listen(settings))
        url = serve.url_of(sock)
        hub = stack.enter_context(running(settings))
        hub.lock.tell(Holder(os.getpid(), url))
        serve.run(create_site(hub), sock, lambda: greet(hub, url), hub)
        log.info("hub_stopping", queued=hub.writer.figures.queued_items)
    log.info("hub_stopped")


def greet(hub: Hub, url: str) -> None:
    """Says where it listens, where the data lies, and what to do next."""
    settings = hub.settings
    log.info("hub_started", url=url, version=version("trackside"))
    with hub.db.reading() as connection:
        asks = has_tokens(connection)
    token = ' -H "Authorization: Bearer $TRACKSIDE_TOKEN"' if asks else ""
    typer.echo(
        GREETING.format(
            version=version("trackside"),
            url=url,
            where=_where(settings),
            config=settings.config or "defaults and environment; there is no trackside.yaml",
            access=_access(command_name(), asks=asks, settings=settings),
            command=command_name(),
            token=token,
        )
    )


def _where(settings: Settings) -> str:
    if not settings.database_url.startswith("sqlite:///"):
        return mask_url(settings.database_url)
    return os.path.abspath(settings.database_url.removeprefix("sqlite:///"))  # noqa: PTH100


def _access(command: str, *, asks: bool, settings: Settings) -> str:
    if asks:
        return f"by token ({command} token list)"
    if settings.is_loopback:
        return f"open to everybody on this computer ({command} token create makes it ask)"
    return f"OPEN TO EVERYBODY (--insecure); {command} token create makes it ask"
