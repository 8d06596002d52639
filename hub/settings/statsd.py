"""Where metrics of an orchestrator are listened for."""

from __future__ import annotations

from pydantic import BaseModel, Field

from hub.settings.types import SECTION, Name


class Statsd(BaseModel):
    """A UDP port for the StatsD metrics of one Airflow. UDP has no tokens: guard the way to it."""

    model_config = SECTION

    orchestrator: Name = Field(description="whose metrics come here")
    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8125, ge=0, le=65535)
    prefix: str = Field("airflow", description="as in statsd_prefix")
    every_s: float = Field(15, ge=1, le=3600, description="a sample of each pool so often at most")
    silent_after_s: float = Field(
        60, ge=5, le=86_400, description="without a heartbeat for so long a part is down"
    )
