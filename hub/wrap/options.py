"""What `trackside exec` is told: a table of options, and the command behind them."""

from __future__ import annotations

import os

URL = "http://127.0.0.1:8080"
HELP = """\
Usage: trackside exec [OPTIONS] -- COMMAND...

Run a command and tell the hub how it went, whether or not the hub is there.

Its input, output, signals and exit status are those of the command (128+N if signal N ended it).
What the hub can't take now is kept on disk and sent later.

    trackside exec --name nightly-backup -- /usr/local/bin/backup.sh --all

Options:
{options}
  --flush             Send what was kept; with no command.
  -v, --verbose       Tell on stderr what can't be sent, and why.
  -h, --help          Show this and exit.
"""

#: Name, what it takes, what it does; as in HELP.
TABLE = (
    ("--name", "NAME", "What the job is called; else as the command's file."),
    ("--namespace", "NAME", "Where the job is; else the name of this host."),
    ("--input", "DATASET", "NAMESPACE:NAME of what it reads. Repeat."),
    ("--output", "DATASET", "NAMESPACE:NAME of what it writes. Repeat."),
    ("--url", "URL", f"The hub; else TRACKSIDE_URL, else {URL}."),
    ("--token-file", "FILE", "Holds its token; else TRACKSIDE_TOKEN or ..._TOKEN_FILE."),
    ("--tail", "BYTES", "Of the end of its output that are told (20000); 0: none."),
    ("--heartbeat", "SECONDS", "Between two signs of life (60)."),
    ("--wait", "SECONDS", "For the hub at most, once the command has ended (3)."),
)
_SEVERAL = frozenset({"--input", "--output"})
_NUMBERS = {"--tail": "20000", "--heartbeat": "60", "--wait": "3"}
#: What runs a script says less than the script that it runs.
_INTERPRETERS = ("sh", "bash", "dash", "zsh", "python", "perl", "ruby", "node", "Rscript", "php")


class Wrong(Exception):
    """The command line is wrong; what to write instead."""


class Options:
    """As they were told, with defaults of the environment."""

    def __init__(self, told: dict[str, list[str]], command: list[str]) -> None:
        environment = os.environ
        self.command = command
        self.flush = "--flush" in told
        self.verbose = "--verbose" in told
        self.name = _one(told, "--name") or _name_of(command)
        self.namespace = _one(told, "--namespace") or os.uname().nodename
        self.inputs = [_dataset("--input", text) for text in told.get("--input", ())]
        self.outputs = [_dataset("--output", text) for text in told.get("--output", ())]
        self.url = (_one(told, "--url") or environment.get("TRACKSIDE_URL") or URL).rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise Wrong("--url: expected http://host:port or https://host:port")
        self.token_file = _one(told, "--token-file") or environment.get("TRACKSIDE_TOKEN_FILE")
        self.tail = int(_number(told, "--tail"))
        self.heartbeat_s = max(1.0, _number(told, "--heartbeat"))
        self.wait_s = _number(told, "--wait")

    def token(self) -> str | None:
        """Read when it is needed: it may be renewed while the command runs."""
        if self.token_file is None:
            return os.environ.get("TRACKSIDE_TOKEN") or None
        try:
            with open(self.token_file, encoding="utf-8") as file:
                return file.read().strip() or None
        except (OSError, UnicodeDecodeError):
            return None


def read_options(arguments: list[str]) -> Options | None:
    """None where help is asked for. Raises Wrong."""
    told: dict[str, list[str]] = {}
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        if word in {"-h", "--help"}:
            return None
        if word in {"-v", "--verbose", "--flush", "--debug"}:
            told["--verbose" if word == "-v" else word] = []
            continue
        _take(word, rest, told)
    if not rest and "--flush" not in told:
        raise Wrong("expected a command, as in: trackside exec -- backup.sh --all")
    return Options(told, rest)


def help_text() -> str:
    lines = (f"  {f'{name} {takes}':<20}{does}" for name, takes, does in TABLE)
    return HELP.format(options="\n".join(lines))


def _take(word: str, rest: list[str], told: dict[str, list[str]]) -> None:
    name, sign, value = word.partition("=")
    if name not in {option for option, _, _ in TABLE}:
        raise Wrong(f"{name}: there is no such option; the command stands behind --")
    if not sign:
        if not rest:
            raise Wrong(f"{name}: expected a value behind it")
        value = rest.pop(0)
    if name in told and name not in _SEVERAL:
        raise Wrong(f"{name}: told twice")
    told.setdefault(name, []).append(value)


def _one(told: dict[str, list[str]], name: str) -> str | None:
    return told[name][0] if name in told else None


def _number(told: dict[str, list[str]], name: str) -> float:
    text = _one(told, name) or _NUMBERS[name]
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 10_000_000:
        raise Wrong(f"{name}: expected a number that is not negative, found {text!r}")
    return number


def _dataset(option: str, text: str) -> tuple[str, str]:
    """The last colon parts them: namespaces have colons of their own."""
    namespace, _, name = text.rpartition(":")
    if not namespace or not name or name.startswith("//"):
        raise Wrong(f"{option}: expected NAMESPACE:NAME, as in postgres://dwh:5432:core.orders")
    return namespace, name


def _name_of(command: list[str]) -> str:
    if not command:
        return ""
    first = os.path.basename(command[0])
    if first.rstrip("0123456789.") in _INTERPRETERS:
        files = (word for word in command[1:] if not word.startswith("-"))
        script = next(files, "")
        if os.path.isfile(script):
            return os.path.basename(script)
    return first or "command"
