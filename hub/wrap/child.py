"""Runs a command as if nobody stood in between: files, signals and how it ends."""

from __future__ import annotations

import os
import select
import signal

#: What is handed on. What a terminal sends goes to the whole group, so to the command as well.
_PASSED = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGWINCH")
_FROM_TERMINALS = frozenset({"SIGINT", "SIGQUIT", "SIGWINCH"})
#: Python ignores them, and a command that inherits that behaves otherwise.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_CHUNK = 65_536
NOT_FOUND, NOT_RUNNABLE = 127, 126


class Child:
    """One command. `tail`: so many bytes of the end of its output are kept.

    Output passes through us where it is looked at and goes to no terminal; else it is the
    command's own. Where output and errors go to one place they keep their order.
    """

    def __init__(self, command: list[str], *, tail: int, environment: dict[str, str]) -> None:
        self._command = command
        self._environment = environment
        self._keep = tail
        self._pid = 0
        self._early: list[int] = []
        self._pipes: dict[int, int] = {}  # where we read, and where it goes
        self._poll = select.poll()
        self.output = b""

    def start(self) -> None:
        """Returns as soon as it runs."""
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._poll.register(self._woken, select.POLLIN)
        handled = self._listen()
        ends = _pipes([fd for fd in (1, 2) if self._keep and not os.isatty(fd)])
        self._pid = pid = os.fork()
        if pid == 0:
            self._become({fd: end for fd, (_, end) in ends.items()}, handled)
        for number in self._early:
            self._pass_on(number, None)
        for (end, write), fd in {pipe: fd for fd, pipe in ends.items()}.items():
            os.close(write)
            self._pipes[end] = fd
            self._poll.register(end, select.POLLIN)

    def wait(self) -> int:
        """Its wait status, once it has ended and all that it wrote is written."""
        status = None
        while status is None:
            for fd, _ in self._poll.poll():
                if fd == self._woken:
                    os.read(fd, 512)
                    status = self._reaped()
                else:
                    self._copy(fd)
        for fd in list(self._pipes):
            os.set_blocking(fd, False)
            while fd in self._pipes and self._copy(fd):
                pass
        return status

    # -- parts ---------------------------------------------------------------------------------

    def _listen(self) -> list[int]:
        """Hears of what is to be handed on; what we were told to ignore stays so."""
        skipped = _FROM_TERMINALS if _is_in_terminal() else frozenset()
        handled = []
        for name in _PASSED:
            number = getattr(signal, name)
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _heed_not if name in skipped else self._pass_on)
                handled.append(number)
        signal.signal(signal.SIGCHLD, _heed_not)
        return handled

    def _pass_on(self, number: int, _: object) -> None:
        if self._pid > 0:
            os.kill(self._pid, number)
        elif self._pid == 0:
            self._early.append(number)

    def _become(self, ends: dict[int, int], handled: list[int]) -> None:
        """In the child: never returns."""
        try:
            signal.set_wakeup_fd(-1)
            for number in (*handled, signal.SIGCHLD, *_IGNORED_BY_PYTHON):
                signal.signal(number, signal.SIG_DFL)
            for fd, end in ends.items():
                os.dup2(end, fd)
            os.execvpe(self._command[0], self._command, self._environment)  # noqa: S606
        except OSError as error:
            missing = isinstance(error, FileNotFoundError | NotADirectoryError)
            told = f"trackside exec: {self._command[0]}: {error.strerror}\n"
            os.write(2, told.encode(errors="replace"))
            os._exit(NOT_FOUND if missing else NOT_RUNNABLE)
        except BaseException:  # noqa: BLE001  two of us must not go on
            os._exit(NOT_RUNNABLE)

    def _reaped(self) -> int | None:
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid == 0:
            return None
        self._pid = -1
        return status

    def _copy(self, fd: int) -> bool:
        """Hands on what is there; False where nothing more is."""
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return False
        if data and _written(self._pipes[fd], data):
            self.output = (self.output + data[-self._keep :])[-self._keep :]
            return True
        self._poll.unregister(fd)
        os.close(fd)
        del self._pipes[fd]
        return False


def _pipes(fds: list[int]) -> dict[int, tuple[int, int]]:
    """One for each place that they go to, as in `2>&1` or under cron: so what is written stays in order."""
    by_place: dict[tuple[int, int], tuple[int, int]] = {}
    found = {}
    for fd in fds:
        told = os.fstat(fd)
        place = (told.st_dev, told.st_ino)
        if place not in by_place:
            by_place[place] = os.pipe()
        found[fd] = by_place[place]
    return found


def _written(fd: int, data: bytes) -> bool:
    """False where nobody reads any more: the command is to notice that itself."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            select.select([], [fd], [])
        except OSError:
            return False
    return True


def _heed_not(_number: int, _frame: object) -> None:
    """Heard of, so that a wait is woken."""


def _is_in_terminal() -> bool:
    """Whether a terminal's keys reach us."""
    for fd in (0, 1, 2):
        try:
            return os.tcgetpgrp(fd) == os.getpgrp()
        except OSError:
            continue
    return False


def exit_code(status: int) -> int:
    """As a shell tells it."""
    if os.WIFSIGNALED(status):
        return 128 + os.WTERMSIG(status)
    return os.WEXITSTATUS(status)
