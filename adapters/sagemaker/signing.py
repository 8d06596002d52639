"""Signatures of requests to AWS, which botocore makes."""

from __future__ import annotations

from typing import Any

from adapters.base import Headers
from adapters.sagemaker.config import Config
from hub.errors import ConfigError, Unavailable


class Signer:
    """Credentials are resolved for each request, so that rotated ones are picked up."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._found: Any = None

    def headers(self, url: str, headers: Headers, body: bytes) -> Headers:
        """All that the request is to have."""
        try:
            from botocore.auth import SigV4Auth
            from botocore.awsrequest import AWSRequest
        except ImportError:
            raise ConfigError(
                "kind sagemaker needs the extra sagemaker: pip install 'trackside[sagemaker]'"
            ) from None
        request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
        SigV4Auth(self._credentials(), "sagemaker", self._config.region).add_auth(request)
        return dict(request.headers.items())

    def _credentials(self) -> Any:
        from botocore.credentials import Credentials
        from botocore.session import Session

        config = self._config
        if config.access_key_id is not None and config.secret_access_key is not None:
            secret = config.secret_access_key.resolve().reveal()
            token = config.session_token.resolve().reveal() if config.session_token else None
            return Credentials(config.access_key_id, secret, token)
        self._found = self._found or Session().get_credentials()
        if self._found is None:
            told = "no credentials of AWS are found: give access_key_id and secret_access_key"
            raise Unavailable(f"{told}, or run the hub with a role", permanent=True)
        return self._found
