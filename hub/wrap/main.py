"""`trackside exec` from its arguments to the exit status of the command."""

from __future__ import annotations

import _thread
import os
import sys
import time

from hub.wrap.child import Child, exit_code
from hub.wrap.identity import PARENT, environment_for, new_run_id
from hub.wrap.options import Options, Wrong, help_text, read_options

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer than the rest
    from hub.wrap.events import Events
    from hub.wrap.sender import Sender

USAGE = 2
LEFT = 3


def main(arguments: list[str]) -> int:
    """Runs the command and returns how it ended; 2 for a wrong command line."""
    try:
        options = read_options(arguments)
    except Wrong as error:
        say(str(error))
        return USAGE
    if options is None:
        sys.stdout.write(help_text())
        return 0
    return _flush(options) if options.flush else _run(options)


def leave(code: int) -> None:
    """Ends the process at once: a thread that still waits for a hub is not waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(options: Options) -> int:
    began_ns = time.time_ns()
    run_id, parent = new_run_id(began_ns), os.environ.get(PARENT)
    child = Child(options.command, tail=options.tail, environment=environment_for(options, run_id))
    began = time.monotonic()
    child.start()

    # It runs: now there is time for what takes some.
    report = Report(options, run_id, parent, began_ns)
    status = child.wait()
    report.end(status, time.monotonic() - began, child.output)
    return exit_code(status)


class Report:
    """Tells the hub of one run; whatever goes wrong with that is not the command's trouble."""

    def __init__(self, options: Options, run_id: str, parent: str | None, began_ns: int) -> None:
        self._options = options
        self._told = (run_id, parent, began_ns)
        self._lock = _thread.allocate_lock()
        self._sender: Sender | None = None
        self._events: Events
        # The command's output is copied meanwhile, so that it never waits for our imports.
        _thread.start_new_thread(self._begin, ())

    def end(self, status: int, took_s: float, output: bytes) -> None:
        try:
            sender = self._begin()
            last = self._events.ended(time.time_ns(), status, took_s, output)
            sender.close(last, self._options.wait_s)
            trouble = sender.trouble
        except Exception as error:  # noqa: BLE001  the command has ended as it has ended
            trouble = f"{type(error).__name__}: {error}"
        if trouble and self._options.verbose:
            say(trouble)

    def _begin(self) -> Sender:
        with self._lock:
            if self._sender is None:
                self._sender = self._begun()
            return self._sender

    def _begun(self) -> Sender:
        from hub.wrap.events import Events
        from hub.wrap.sender import Line, Sender
        from hub.wrap.spool import Spool

        options = self._options
        run_id, parent, began_ns = self._told
        self._events = events = Events(options, run_id, parent)
        sender = Sender(
            Line(options),
            Spool(options.url),
            lambda: events.alive(time.time_ns()),
            options.heartbeat_s,
        )
        sender.start(events.started(began_ns))
        return sender


def _flush(options: Options) -> int:
    from hub.wrap.sender import Line, flush
    from hub.wrap.spool import Spool

    spool = Spool(options.url)
    sent, why = flush(Line(options), spool)
    left = len(spool.files())
    sys.stdout.write(f"{sent} sent, {left} left{f': {why}' if why else ''}\n")
    return LEFT if left else 0


def say(text: str) -> None:
    sys.stderr.write(f"trackside exec: {text}\n")
