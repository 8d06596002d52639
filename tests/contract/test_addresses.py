"""An address of an orchestrator holds no credentials: they would be shown with it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

import adapters
from hub.ports import adapters as kinds

adapters.load()
ASKED = [name for name, kind in kinds.items() if "url" in kind.Config.model_fields]
#: What else a kind asks for.
NEEDED = {"engine": {"secrets": ["env:ENGINE_SECRET"]}, "flyte": {"projects": ["shop/production"]}}


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://ann:hunter2@flow.example.org", "put credentials into"),
        ("flow.example.org", "expected an address (such as|like) https?://"),
        ("ftp://flow.example.org", "expected an address (such as|like) https?://"),
    ],
)
def test_what_is_no_plain_web_address_is_refused_with_what_to_do(
    name: str, url: str, told: str
) -> None:
    with pytest.raises(ValidationError, match=told) as refused:
        kinds.get(name).Config.model_validate({"url": url} | NEEDED.get(name, {}))
    assert all("hunter2" not in str(one["msg"]) for one in refused.value.errors())
