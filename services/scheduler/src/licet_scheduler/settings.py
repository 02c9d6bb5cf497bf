"""Settings of the scheduler, from the environment."""

from pydantic import Field

from licet_chassis.settings import ServiceSettings


class SchedulerSettings(ServiceSettings):
    """Settings of the scheduler."""

    timers_per_claim: int = Field(500, ge=1, le=10_000)
    """How many credentials are decided in one transaction."""
    heartbeat_seconds: int = Field(300, ge=0, le=86_400)
    """How often `licet.heartbeat.v1` is published, in machine time; 0 for never."""
