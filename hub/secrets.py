"""References to secrets, resolved at use, never stored and never printed.

`env:NAME` is an environment variable, `file:/path` the content of a file without its last newline
(read again at each use, so a rotated secret is picked up), `vault:`, `aws-sm:` and `gcp-sm:` are
secrets in HashiCorp Vault, AWS and Google Secret Manager. A resolver that is announced as an entry
point of the group `trackside.secrets`, a callable `(name) -> str`, takes the place of one of the
last three.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hmac import compare_digest
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath
from typing import Any, Final, NoReturn, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from hub.errors import ConfigError, Forbidden

MASK: Final = "***"
GROUP: Final = "trackside.secrets"

#: Which module resolves what is kept elsewhere; imported when it is asked first.
ELSEWHERE: Final = {
    "vault": "hub.vaults.hashicorp",
    "aws-sm": "hub.vaults.aws",
    "gcp-sm": "hub.vaults.google",
}

_REFERENCE = re.compile(r"(env|file|vault|aws-sm|gcp-sm):(\S.*)", re.DOTALL)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Secret:
    """A resolved secret. Only `reveal` gives the value; call it where the value leaves us."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled; hand over its reference")


@dataclass(frozen=True)
class SecretRef:
    """Where a secret is found; safe to store and to show."""

    scheme: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`env:NAME` and the like, else ConfigError, which never repeats the text: it may be
        the secret itself, pasted by mistake.
        """
        match = _REFERENCE.fullmatch(text.strip())
        if not match:
            raise ConfigError(
                "expected a reference to a secret (env:NAME, file:/path, vault:..., aws-sm:..., "
                "gcp-sm:...), found something else; is it the secret itself?"
            )
        scheme, name = match.groups()
        _check_name(scheme, name)
        return cls(scheme, name)

    def resolve(self) -> Secret:
        """The secret as it is now, else ConfigError."""
        return Secret(_resolver(self.scheme)(self.name))

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate,
            serialization=core_schema.to_string_ser_schema(),
            json_schema_input_schema=core_schema.str_schema(pattern=r"^[a-z-]+:\S"),
        )

    @classmethod
    def _validate(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        try:
            return cls.parse(value if isinstance(value, str) else "")
        except ConfigError as error:
            raise ValueError(str(error)) from None


def references_in(value: Any) -> Iterator[SecretRef]:
    """Every reference in checked settings, as they are dumped."""
    if isinstance(value, SecretRef):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from references_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from references_in(inner)


def require_declared(reference: SecretRef, declared: Iterable[str]) -> None:
    """Forbidden, unless the reference is one of those declared; `*` stands for any text."""
    if not any(fnmatchcase(str(reference), pattern) for pattern in declared):
        raise Forbidden(f"the secret {reference} was not declared for this team by the operator")


def _check_name(scheme: str, name: str) -> None:
    if scheme == "env" and not _VARIABLE.fullmatch(name):
        raise ConfigError("env: expects the name of an environment variable, as in env:SLACK_TOKEN")
    if scheme == "file":
        path = PurePosixPath(name)
        # "..", for a declared pattern such as file:/run/secrets/* must hold what it says
        if not path.is_absolute() or ".." in path.parts:
            raise ConfigError("file: expects an absolute path without '..', as in file:/run/token")


def _from_environment(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise ConfigError(f"the secret env:{name} is not set in the environment") from None


def _from_file(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"the secret file:{name} can't be read: {reason}") from None


def _resolver(scheme: str) -> Callable[[str], str]:
    built_in = {"env": _from_environment, "file": _from_file}.get(scheme)
    if built_in:
        return built_in
    resolver: Callable[[str], str]
    for entry in entry_points(group=GROUP, name=scheme):
        resolver = entry.load()
        return resolver
    resolver = import_module(ELSEWHERE[scheme]).resolve
    return resolver
