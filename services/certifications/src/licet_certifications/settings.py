"""What the service is told from outside."""

from licet_chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of certifications: those that every service has."""
