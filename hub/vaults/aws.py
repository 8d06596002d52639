"""Secrets in AWS Secrets Manager: `aws-sm:NAME`, or `aws-sm:NAME#FIELD` of one that is JSON.

NAME is the secret's name or its ARN. Credentials and the region are found as every AWS client finds
them (variables, profiles, the role of the pod or the machine); needs the extra secrets-aws.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from hub.errors import ConfigError
from hub.vaults.kept import TIMEOUT_S, Away, Kept, field_of

_WHY: Final = {
    "ResourceNotFoundException": "it is not there, in this account and region",
    "AccessDeniedException": "the role may not read it (secretsmanager:GetSecretValue)",
    "DecryptionFailure": "the role may not use its key (kms:Decrypt)",
    "InvalidRequestException": "it is marked for deletion, or has no value yet",
    "UnrecognizedClientException": "the credentials are not known there",
    "ExpiredTokenException": "the credentials have expired",
}
_PASSES: Final = frozenset({"ThrottlingException", "InternalServiceError", "RequestTimeout"})


def read(name: str) -> str:
    """The current version. Raises Away, ConfigError."""
    secret, _, field = name.partition("#")
    if not secret or name.endswith("#"):
        raise ConfigError("aws-sm: expects NAME or NAME#FIELD, as in aws-sm:team/slack#token")
    found = _value(name, secret)
    if not isinstance(found, str):
        raise ConfigError(f"the secret aws-sm:{name} is binary, and text is needed")
    return field_of(found, field, f"aws-sm:{name}")


def _value(name: str, secret: str) -> object:
    client = _client(_region_of(secret))
    from botocore import exceptions as known

    try:
        return client.get_secret_value(SecretId=secret).get("SecretString")
    except known.ClientError as error:
        code = str(error.response["Error"].get("Code"))
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if code in _PASSES or status >= 500:
            raise Away(f"AWS answers {code}") from None
        why = _WHY.get(code, f"AWS answers {code}")
        raise ConfigError(f"the secret aws-sm:{name} can't be read: {why}") from None
    except (known.NoCredentialsError, known.PartialCredentialsError):
        raise ConfigError("aws-sm: references need AWS credentials, and none were found") from None
    except known.BotoCoreError as error:
        raise Away(f"AWS can't be reached ({type(error).__name__})") from None


def _region_of(secret: str) -> str | None:
    """An ARN says where it is: arn:aws:secretsmanager:REGION:..."""
    parts = secret.split(":")
    return parts[3] if len(parts) > 4 and parts[0] == "arn" else None


_clients: Final[dict[str | None, Any]] = {}
_lock: Final = threading.Lock()


def _client(region: str | None) -> Any:
    """Made once for each region: that is slow, and only a client can be shared by threads."""
    with _lock:
        if region not in _clients:
            _clients[region] = _made(region)
        return _clients[region]


def _made(region: str | None) -> Any:
    try:
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, NoRegionError
        from botocore.session import Session
    except ImportError:
        raise ConfigError(
            "aws-sm: references need the extra secrets-aws: pip install 'trackside[secrets-aws]'"
        ) from None
    # what was answered would stand in its debug log
    logging.getLogger("botocore").setLevel(logging.INFO)
    retries = {"mode": "standard", "total_max_attempts": 2}
    config = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries=retries)
    try:
        return Session().create_client("secretsmanager", region_name=region, config=config)
    except NoRegionError:
        raise ConfigError(
            "aws-sm: references need the variable AWS_REGION, or the secret's ARN"
        ) from None
    except BotoCoreError as error:
        raise ConfigError(f"aws-sm: AWS can't be asked: {type(error).__name__}") from None


def forget_clients() -> None:
    """Credentials and addresses are looked for anew."""
    with _lock:
        _clients.clear()


def resolver(clock: Callable[[], float] = time.monotonic) -> Kept:
    return Kept("aws-sm", read, clock)


resolve: Final = resolver()
