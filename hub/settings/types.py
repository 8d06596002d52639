"""What the value of a setting may look like."""

import re
from ipaddress import ip_network
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field


def _size(value: object) -> object:
    """Bytes, from a number or from a text such as 5MiB or 64 kB."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+)\s*([kMG]?)(i?)B?", value.strip())
    if not match:
        raise ValueError("expected a number of bytes, as in 5242880 or 5MiB")
    number, unit, binary = match.groups()
    return int(number) * (1024 if binary else 1000) ** " kMG".index(unit or " ")


def _words(value: object) -> object:
    """A list; in a variable its items are separated by commas."""
    return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


def _database_url(value: str) -> str:
    url = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql://", value)
    parts = urlsplit(url)
    if parts.scheme == "postgresql" and parts.path.strip("/"):
        return url
    if parts.scheme == "sqlite" and re.fullmatch(r"sqlite:///[^?:][^?]*", url):
        return url
    raise ValueError(
        "expected sqlite:///relative/path, sqlite:////absolute/path or "
        "postgresql://user:password@host:port/database"
    )


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        raise ValueError("expected networks, as in 10.0.0.0/8") from None
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"expected a regular expression, but {error}") from None
    return value


Size = Annotated[int, Field(ge=1), BeforeValidator(_size)]
Words = Annotated[list[str], BeforeValidator(_words)]
Networks = Annotated[list[Annotated[str, AfterValidator(_network)]], BeforeValidator(_words)]
Days = Annotated[int, Field(ge=1, le=36_500)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]
REFERENCE: Final = r"^(env|file|vault|aws-sm|gcp-sm):\S"
#: What the settings of others call what is to be a reference.
SECRET_NAME: Final = re.compile(
    r"password|secret|token$|api_?key|access_?key|jaas|private_?key|\.pem$|authorization",
    re.IGNORECASE,
)
Reference = Annotated[str, Field(pattern=REFERENCE)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Objects = list[dict[str, Any]]
#: A part of trackside.yaml: what it does not know is a mistake, and an error holds no value.
SECTION: Final = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
