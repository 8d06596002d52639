"""`trackside conformance`: whether an engine of one's own speaks as the hub understands it."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import typer

from hub.commands.common import err, out
from hub.commands.findings import GRADES
from hub.conformance import Bench, Engine, ScratchHub, checked
from hub.errors import BadInput
from hub.ports import Finding, Grade, SecretRef
from hub.signing import key_of

_SHORTEST_KEY: Final = 24
SECRET: Final = "env:ENGINE_SECRET"  # noqa: S105  the name of one


def command(
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="[URL]",
            help="Where the engine takes launches. Without it, the engine fetches them.",
        ),
    ] = None,
    *,
    job: Annotated[str, typer.Option(help="A job of the engine that may run, of some seconds.")],
    namespace: Annotated[str, typer.Option(help="Of its jobs.")] = "my-engine",
    secret: Annotated[
        str,
        typer.Option(metavar="REF", help="What launches are signed with: env:NAME or file:PATH."),
    ] = SECRET,
    host: Annotated[
        str, typer.Option(help="Where the hub for the test listens; the engine must reach it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="And the port.", min=1, max=65535)] = 8099,
    patience: Annotated[
        float, typer.Option(help="Seconds that one step of the engine may take.", min=1)
    ] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="What was found as JSON.")] = False,
) -> None:
    """Try whether an engine of your own speaks as the hub understands it.

    A hub with a store of its own is started; the engine must send its events there and, if it has
    no URL for launches, fetch them there. It is launched some times, told things twice, told
    what is forged, and the hub goes away while a run lasts. Exit 1 if something is bad.

    TRACKSIDE_URL=http://127.0.0.1:8099 my-engine &
    ENGINE_SECRET=whsec_... trackside conformance http://127.0.0.1:9000/launch --job nightly
    """
    engine = _engine(url, namespace, job, secret)
    with ScratchHub(engine, host=host, port=port) as hub:
        err.print(f"The hub for the test listens on {hub.url}: the engine sends its events there.")
        found = []
        for finding in checked(Bench(hub, patience_s=patience)):
            found.append(finding)
            if not as_json:
                _show(finding)
    if as_json:
        out.print_json(msgspec.json.encode(found).decode())
    bad = sum(one.grade is Grade.BAD for one in found)
    if not as_json:
        out.print(
            f"\n{bad} of {len(found)} bad" if bad else f"\nall {len(found)} as they should be"
        )
    if bad:
        raise typer.Exit(1)


def _engine(url: str | None, namespace: str, job: str, secret: str) -> Engine:
    if url is None:
        return Engine(namespace, job, "pull")
    told = SecretRef.parse(secret).resolve().reveal()
    try:
        short = len(key_of(told)) < _SHORTEST_KEY
    except ValueError:
        short = True
    if short:
        raise BadInput("--secret", secret, "a reference to whsec_ and 24 to 64 bytes as base64")
    return Engine(namespace, job, "webhook", url, told)


def _show(one: Finding) -> None:
    detail = f"  {one.detail}" if one.detail else ""
    out.print(f"{GRADES[one.grade]:<26} {one.what}[dim]{detail}[/]", soft_wrap=True)
    if one.mend:
        out.print(f"        {one.mend}", markup=False, soft_wrap=True)
