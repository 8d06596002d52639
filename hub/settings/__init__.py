"""What the operator decides: defaults < trackside.yaml < TRACKSIDE_* variables < flags.

The only reader of the environment and of trackside.yaml. All of it is checked as a whole: an error
tells every wrong setting, where it stands, what was found and what was expected.
The sections of objects (rules, routes, ...) are handed on as they are: the code that knows the
kinds checks them, and finds the line of a mistake with `Settings.place`.
"""

import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from hub.errors import ConfigError, shorten
from hub.settings.file import FILE_NAME, PREFIX, Spot, config_path, place_of, put, read_file
from hub.settings.forward import Receiver
from hub.settings.kafka import Kafka
from hub.settings.masks import mask_path, mask_url
from hub.settings.sections import Orchestrator, Redaction, Retention, Team
from hub.settings.sign_in import SignIn
from hub.settings.statsd import Statsd
from hub.settings.types import (
    REFERENCE,
    SECTION,
    DatabaseUrl,
    HeaderName,
    Networks,
    Objects,
    Reference,
    Size,
    Words,
)

MIB: Final = 1024 * 1024


class _Section(BaseModel):
    model_config = SECTION


class Settings(_Section):
    """All of them. Made by `load`; a bare `Settings()` holds the defaults."""

    version: Literal[1] = Field(1, description="of the file's format")
    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    public_url: str | None = Field(
        None, pattern=r"^https?://[^/]+", description="where people reach the hub, for links"
    )
    grafana_url: str | None = Field(
        None,
        pattern=r"^https?://[^/]+",
        description="the Grafana that has the dashboards: pages link to them",
    )
    allowed_hosts: Words = Field(
        default=["localhost", "127.0.0.1", "[::1]"],
        description="Host headers answered, besides that of public_url; * is any",
    )
    insecure: bool = Field(
        False, description="listen beyond this computer though there are no tokens"
    )
    first_token: Reference | None = Field(
        None,
        description="the reference of a secret that holds a token (tsk_ and 43 letters and digits): "
        "an admin's, made at the start of a hub that never had one",
    )
    metrics_token: Reference | None = Field(
        None,
        description="the reference of a secret without which nobody reads /metrics, which names what "
        "is private, too",
    )
    database_url: DatabaseUrl = Field(
        "sqlite:///data/trackside.db", description="sqlite:///path or postgresql://..."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least told"
    )
    log_format: Literal["console", "json"] = Field("console", description="for people or programs")
    timezone: str = Field("UTC", description="where people live, for schedules that are learned")
    max_body_bytes: Size = Field(5 * MIB, description="largest body of one lineage event")
    max_batch_bytes: Size = Field(20 * MIB, description="largest body of a batch of them")
    max_queued_events: int = Field(
        20_000, ge=1, description="lineage events waiting for the writer; more is answered 503"
    )
    max_queued_bytes: Size = Field(256 * MIB, description="the same in bytes")
    max_connections: int = Field(
        2_000, ge=1, description="open connections; requests on more are answered 503"
    )
    max_events_per_second: int = Field(
        0, ge=0, description="lineage events a second that one token may send; 0 is no limit"
    )
    dead_letter_max_bytes: Size = Field(
        256 * MIB, description="input that could not be understood; the oldest makes room"
    )
    heartbeat_url: str | None = Field(
        None,
        pattern=r"^(https?://[^/]+|(env|file|vault|aws-sm|gcp-sm):\S)",
        description="asked for each minute while the hub works, so that somebody else notices "
        "when it does not; the URL, or the reference of a secret that holds it",
    )
    otlp_url: str | None = Field(
        None,
        pattern=r"^https?://[^/]+/",
        description="where figures are sent over OTLP/HTTP besides, as in "
        "http://collector:4318/v1/metrics",
    )
    otlp_headers: dict[HeaderName, Reference] = Field(
        default={}, description="sent with them; the references of secrets"
    )
    otlp_every_s: float = Field(60, ge=1, le=3600, description="how often, in seconds")
    allowed_networks: Networks = Field(
        default=[],
        description="private networks, as in 10.0.0.0/8, in which targets may be",
    )
    sensor_roots: Words = Field(
        default=[],
        description="where file sensors may look, as in s3://lake/landing or /data/in",
    )
    launches_per_hour: int = Field(
        100,
        ge=0,
        description="launches of one job within an hour; further ones are held until a "
        "person releases them; 0 is no limit",
    )
    objective: float = Field(
        0.99,
        gt=0,
        lt=1,
        description="which share of its promises (runs, slots, deadlines) a team wants to keep",
    )
    max_job_metrics: int = Field(
        200, ge=0, le=5_000, description="jobs of which metrics tell one by one, of job_metrics"
    )
    retention: Retention = Retention()
    redaction: Redaction = Redaction()
    sign_in: SignIn = SignIn()
    teams: list[Team] = []
    orchestrators: list[Orchestrator] = []
    forward: list[Receiver] = []
    kafka: list[Kafka] = []
    statsd: list[Statsd] = []

    calendars: Objects = []
    connections: Objects = []
    grants: Objects = []
    heartbeats: Objects = []
    job_metrics: Objects = []
    maintenance: Objects = []
    rerun: Objects = []
    routes: Objects = []
    rules: Objects = []
    schedules: Objects = []
    sensors: Objects = []
    silences: Objects = []
    subscriptions: Objects = []
    targets: Objects = []

    _config: Path | None = PrivateAttr(None)
    _places: dict[Spot, str] = PrivateAttr(default_factory=dict)
    _warnings: tuple[str, ...] = PrivateAttr(())

    @classmethod
    def load(
        cls,
        config: Path | str | None = None,
        flags: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Self:
        """The settings as the operator wants them, else ConfigError.

        config: the file; else TRACKSIDE_CONFIG, else ./trackside.yaml if there is one.
        flags: by the setting's name ("port", "retention.runs"); None means not given.
        """
        environment = os.environ if environment is None else environment
        path = config_path(config, environment)
        values, places = read_file(path) if path else ({}, {})
        for setting, value in _from_environment(environment):
            put(values, places, setting, value, _variable(setting))
        for name, flag in (flags or {}).items():
            if flag is not None:
                place = "--" + name.replace("_", "-").replace(".", "-")
                put(values, places, tuple(name.split(".")), flag, place)
        settings = cls._checked(values, places)
        settings._remember(path, places, tuple(_misspelt(environment)))  # noqa: SLF001  our own
        return settings

    def _remember(
        self, config: Path | None, places: dict[Spot, str], warnings: tuple[str, ...]
    ) -> None:
        self._config, self._places, self._warnings = config, places, warnings

    @classmethod
    def _checked(cls, values: dict[str, Any], places: dict[Spot, str]) -> Self:
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problems = [_problem(detail, places) for detail in error.errors(include_url=False)]
            raise ConfigError("\n".join(problems)) from None

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        _once("team", [team.name for team in self.teams])
        _once("orchestrator", [each.name for each in self.orchestrators])
        _once("receiver", [each.name for each in self.forward])
        _once("kafka consumer", [each.name for each in self.kafka])
        _once(
            "claim of namespace", [name for each in self.orchestrators for name in each.namespaces]
        )
        return self

    @model_validator(mode="after")
    def _teams_exist(self) -> Self:
        known = [team.name for team in self.teams]
        bound: list[tuple[str, str, str | None]] = [
            *(("orchestrator", each.name, each.team) for each in self.orchestrators),
            *(("kafka consumer", each.name, each.team) for each in self.kafka),
        ]
        for what, name, team in bound:
            if team is not None and team not in known:
                names = ", ".join(known) or "none"
                raise ValueError(f"{what} {name!r} names the team {team!r}; known: {names}")
        return self

    @property
    def config(self) -> Path | None:
        """The file that was read."""
        return self._config

    @property
    def warnings(self) -> tuple[str, ...]:
        """What looks wrong but stops nothing, to be logged at the start."""
        return self._warnings

    @property
    def is_loopback(self) -> bool:
        """Whether only this computer can reach us."""
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"

    def place(self, *path: str | int) -> str:
        """Where a setting was given ("trackside.yaml:12"), or the nearest that holds it."""
        return place_of(self._places, path)

    def shown(self) -> dict[str, Any]:
        """The settings as they may be shown and logged: JSON values, passwords masked."""
        shown = self.model_dump(mode="json") | {"database_url": mask_url(self.database_url)}
        if self.heartbeat_url and self.heartbeat_url.startswith("http"):
            shown["heartbeat_url"] = mask_path(self.heartbeat_url)
        return shown

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, self.shown()[name] if name in {"database_url", "heartbeat_url"} else value

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """JSON Schema of trackside.yaml, for editors."""
        schema = cls.model_json_schema()
        return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


#: The sections whose content belongs to the code that knows their kinds.
OBJECTS: Final = tuple(
    n for n, field in Settings.model_fields.items() if field.annotation == Objects
)


class ClientSettings(_Section):
    """How the command line finds a running hub; only from the environment and flags."""

    url: str = Field("http://127.0.0.1:8080", description="a running hub, for the command line")
    token: SecretStr | None = Field(None, description="its token, for the command line")
    token_file: Path | None = Field(None, description="a file that holds the token")
    spool: Path | None = Field(None, description="where is kept what the hub can't take")

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Raises ConfigError for a token file that can't be read."""
        environment = os.environ if environment is None else environment
        names = {name: PREFIX + name.upper() for name in cls.model_fields}
        given = {n: environment[v] for n, v in names.items() if environment.get(v)}
        if "token_file" in given:
            given["token"] = _token_in(given["token_file"])
        return cls.model_validate(given)


def _token_in(file: str) -> str:
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{PREFIX}TOKEN_FILE: {file} can't be read: {error}") from None


def variables() -> dict[str, str]:
    """Every TRACKSIDE_* variable and what it sets."""
    told = {PREFIX + "CONFIG": f"path of {FILE_NAME}"}
    for path, description in _settable():
        told[_variable(path)] = description
    for name, field in ClientSettings.model_fields.items():
        told[PREFIX + name.upper()] = field.description or ""
    return told


# --- the environment -------------------------------------------------------------------------


def _settable() -> Iterator[tuple[Spot, str]]:
    """The settings that a variable can carry: single values and lists of words."""
    sections: dict[str, type[BaseModel]] = {"retention": Retention, "redaction": Redaction}
    skipped = {
        "version",
        "sign_in",
        "otlp_headers",
        "teams",
        "orchestrators",
        "forward",
        "kafka",
        "statsd",
        "patterns",
        *sections,
        *OBJECTS,
    }
    for name, field in Settings.model_fields.items():
        if name not in skipped:
            yield (name,), field.description or ""
    for section, model in sections.items():
        for name, field in model.model_fields.items():
            if name not in skipped:
                yield (section, name), field.description or ""


def _variable(path: Spot) -> str:
    return PREFIX + "_".join(str(part) for part in path).upper()


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[Spot, str]]:
    for path, _ in _settable():
        value = environment.get(_variable(path))
        # Kubernetes sets TRACKSIDE_PORT=tcp://... where a Service is called trackside
        if value and not (path == ("port",) and value.startswith("tcp://")):
            yield path, value


def _misspelt(environment: Mapping[str, str]) -> Iterator[str]:
    """Only those near a setting: others may be secrets or come from Kubernetes."""
    known = variables()
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            for close in get_close_matches(name, known, n=1, cutoff=0.85):
                yield f"{name} is not a setting; did you mean {close}?"


# --- errors ----------------------------------------------------------------------------------


def _once(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the {what} {name!r} stands more than once")


def _problem(detail: ErrorDetails, places: Mapping[Spot, str]) -> str:
    path = detail["loc"]
    where = ".".join(str(part) for part in path)
    prefix = f"{place_of(places, path)}: {where}: " if where else f"{FILE_NAME}: "
    if detail["type"] == "extra_forbidden":
        return f"{prefix}no such setting{_meant(path)}"
    message = detail["msg"].removeprefix("Value error, ")
    message = re.sub(r"^(Input should|String should|Value should) ", "expected to ", message)
    message = message.replace("expected to be", "expected", 1)
    if detail["type"] == "missing" or not where:
        return prefix + message
    if detail.get("ctx", {}).get("pattern") == REFERENCE:  # it may be the secret itself
        return f"{prefix}expected the reference of a secret, as in env:NAME"
    found = detail["input"]
    if isinstance(found, dict):  # a whole section: there may be secrets beside what is wrong
        return prefix + message
    told = mask_url(found) if isinstance(found, str) else found
    return f"{prefix}{message}, found {shorten(told)}"


def _meant(path: Spot) -> str:
    models: dict[str | int, type[BaseModel]] = {
        "retention": Retention,
        "redaction": Redaction,
        "teams": Team,
        "orchestrators": Orchestrator,
        "forward": Receiver,
        "kafka": Kafka,
        "statsd": Statsd,
    }
    model = Settings if len(path) == 1 else models.get(path[0], Settings)
    close = get_close_matches(str(path[-1]), model.model_fields, n=1)
    return f"; did you mean {close[0]}?" if close else ""
