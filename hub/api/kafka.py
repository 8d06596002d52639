"""Consumers of Kafka: what this replica has of their topics, and how far the store is behind."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub
from hub.kafka.consumers import ConsumerView

router: Final = APIRouter(prefix="/api/v1", tags=["kafka"], responses=RESPONSES)


class Shown(Struct, rename="camel"):
    consumers: list[ConsumerView]


@router.get("/kafka", responses=answers(Shown))
def list_kafka_consumers(hub: Hub, eyes: Eyes) -> Response:  # noqa: ARG001  who may look at all
    """The consumers of `kafka`, with the partitions that this replica has and what is wrong."""
    return answer(Shown(hub.kafka.shown()))
