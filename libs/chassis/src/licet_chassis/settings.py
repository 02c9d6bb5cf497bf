"""Settings of a service: environment variables `LICET_…`, and files for secrets."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from licet_events.civil import zone

ENV_PREFIX = "LICET_"
SECRETS_DIR_VARIABLE = "LICET_SECRETS_DIR"

Port = Annotated[int, Field(ge=0, le=65535)]


class ServiceSettings(BaseSettings):
    """The settings of every service; a service's own settings derive from it.

    A variable wins over a file. A file in `LICET_SECRETS_DIR` is named like its variable, in small
    letters: `licet_database_url`.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    environment: Literal["production", "embedded", "demo"] = "production"
    """`embedded` and `demo` allow what production must not have, such as a movable clock."""
    host: str = "127.0.0.1"
    """The address to listen on; in the image it is `0.0.0.0`."""
    port: Port = 8000
    """The port to listen on: the HTTP interface, health and metrics."""
    health_port: Port | None = None
    """A port for health and metrics alone, which answer there however busy the other one is."""
    connections_max: int = Field(500, ge=10)
    """The most connections at once; beyond them the one that has been idle longest is closed."""
    connections_per_peer: int = Field(200, ge=5)
    """The most of them from one address, also a proxy's."""
    idle_seconds: float = Field(15.0, gt=0)
    """How long a connection may take to send the head of a request."""

    database_url: SecretStr = Field(description="postgresql://user:password@host:port/name")
    database_direct_url: SecretStr | None = None
    """The same database without a pooler between, for session locks; where absent, `database_url`."""
    database_pool_min: int = Field(1, ge=0, le=100)
    """Connections of a process that are always open."""
    database_pool_max: int = Field(10, ge=1, le=500)
    """The most connections of a process, beside those that hold session locks."""
    database_statement_cache: int = Field(256, ge=0)
    """0 behind a pooler in transaction mode."""

    kafka_url: str = Field(description="host:port,host:port", min_length=1)
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    """How to connect: with TLS (`ssl`), with a password (`sasl`), with both."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How the password is shown, where one is asked for."""
    kafka_username: str | None = None
    """Needed with `sasl_…`."""
    kafka_password: SecretStr | None = None
    """Needed with `sasl_…`."""
    kafka_ca_file: str | None = None
    """PEM file of the authorities to trust; where absent, those of the system."""

    issuer_url: str = Field(
        description="the `iss` of the tokens to accept, such as https://login.example.org"
    )
    jwks_url: str | None = None
    """Where the issuer's keys are; where absent, where its description says (OpenID Connect Discovery)."""
    audience: str = Field("licet", min_length=1)
    """Whom a token must be for; several, separated by commas."""
    token_audience_claim: str = Field("aud", min_length=1)
    """Which claim that is in: `aud`, or `client_id` or `azp` where an issuer gives no audience."""
    token_subject_claim: str = Field("sub", min_length=1)
    """Which claim says who the bearer is."""
    token_scopes_claim: str = Field("scope scp", min_length=1)
    """Where scopes are: claims or paths with dots, the first that is not empty counts."""
    token_scope_prefix: str = ""
    """What the issuer puts before each scope, such as `api://licet/`; others are then not for Licet."""
    token_role_scopes: dict[str, str | list[str]] = Field(default_factory=dict)
    """Scopes of the issuer's roles, as JSON: `{"planner": "credentials:read credentials:write"}`."""
    token_teams_claim: str = Field("licet_teams", min_length=1)
    """Which claim lists the teams that a token is limited to; a name or a path with dots."""
    token_locations_claim: str = Field("licet_locations", min_length=1)
    """Which claim lists the locations that a token is limited to."""
    tokens_without_teams: Literal["everyone", "refuse"] = "everyone"
    """Whom a token without these claims sees: `everyone`; with `refuse` nobody, and `*` in one is for all."""

    schemas_url: str | None = Field(None, pattern=r"^https?://[^\s]*[^\s/]$")
    """Where subscribers reach `/schemas` of any service, such as https://licet.example.org/schemas: events
    name their schema by it. Where absent, they name it `urn:licet:schema:<type>`, which leads nowhere."""

    topic_marker_seconds: int = Field(21_600, ge=0, le=604_800)
    """How often each partition of a compacted topic gets a marker, without which Kafka compacts none that is
    quiet, and erasures stay without effect; 0: another process writes them."""

    default_time_zone: str = "UTC"
    """The zone of those who have none of their own, by its name in the IANA database."""
    clock: Literal["real", "movable"] = "real"
    """`movable` lets business time be set forward; refused in production."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged, and everything graver."""
    log_format: Literal["json", "plain"] = "json"
    """One JSON object a line, or lines for people."""
    body_limit_bytes: int = Field(1 << 20, ge=1024)
    """The largest request body, where a route does not say otherwise."""

    def __hash__(self) -> int:
        """Hash them although one field is a mapping; secrets count for equality alone."""
        return hash(self.model_dump_json())

    @property
    def direct_url(self) -> SecretStr:
        """The database without a pooler between."""
        return self.database_direct_url or self.database_url

    @field_validator("database_url", "database_direct_url")
    @classmethod
    def _is_postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        return url

    @field_validator("issuer_url", "jwks_url")
    @classmethod
    def _is_web_address(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("https://", "http://")):
            raise ValueError("must begin with https:// (or http:// on a network of your own)")
        return url

    @field_validator("kafka_url")
    @classmethod
    def _names_ports(cls, url: str) -> str:
        for server in url.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdecimal():
                raise ValueError("must be host:port, several separated by commas")
        return url

    @field_validator("default_time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        zone(name)
        return name

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.clock == "movable" and self.environment == "production":
            raise ValueError(
                "LICET_CLOCK=movable is refused where LICET_ENVIRONMENT is production: a moved clock sends "
                "real reminders. Leave LICET_CLOCK out, or set LICET_ENVIRONMENT to embedded or demo"
            )
        if self.kafka_security.startswith("sasl") and (
            not self.kafka_username or self.kafka_password is None
        ):
            raise ValueError(
                f"LICET_KAFKA_SECURITY={self.kafka_security} needs LICET_KAFKA_USERNAME and "
                "LICET_KAFKA_PASSWORD"
            )
        if self.database_pool_min > self.database_pool_max:
            raise ValueError("LICET_DATABASE_POOL_MIN is larger than LICET_DATABASE_POOL_MAX")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # there are no .env files here
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # its directory is fixed in code
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then the files of the directory that it names."""
        directory = os.environ.get(SECRETS_DIR_VARIABLE)
        if not directory:
            return init_settings, env_settings
        return init_settings, env_settings, SecretsSettingsSource(settings_cls, secrets_dir=directory)


def describe_problems(settings_class: type[BaseSettings]) -> list[str]:
    """Say in plain sentences what is wrong with the environment for `settings_class`; empty if nothing.

    Sentences name variables and never show the value of one.
    """
    directory = os.environ.get(SECRETS_DIR_VARIABLE)
    if directory and not Path(directory).is_dir():
        return [f"{SECRETS_DIR_VARIABLE} names a directory that is not there."]
    try:
        settings_class()
    except ValidationError as error:
        return [
            _sentence(settings_class, item) for item in error.errors(include_url=False, include_input=False)
        ]
    except SettingsError as error:
        return [f"A setting can't be read: {error}."]
    return []


def _sentence(settings_class: type[BaseSettings], error: Mapping[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    if not error["loc"]:
        return f"{message}."
    field = str(error["loc"][0])
    # A source reports under the variable's name in small letters, a validator under the field's.
    field = field.lower().removeprefix(ENV_PREFIX.lower())
    variable = ENV_PREFIX + field.upper()
    if error["type"] == "missing":
        description = (
            settings_class.model_fields[field].description if field in settings_class.model_fields else None
        )
        return f"{variable} is missing{f': {description}' if description else ''}."
    return f"{variable}: {message}."
