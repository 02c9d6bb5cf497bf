"""How to reach Kafka, for aiokafka's clients and for FastStream's broker."""

import ssl
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from licet_chassis.settings import ServiceSettings


@dataclass(frozen=True)
class KafkaAccess:
    """The address of a Kafka cluster and what it takes to be let in."""

    url: str
    protocol: str = "PLAINTEXT"
    mechanism: str = "PLAIN"
    username: str | None = None
    password: str | None = None
    context: ssl.SSLContext | None = None

    @classmethod
    def of(cls, settings: ServiceSettings) -> "KafkaAccess":
        """Return what the settings say."""
        protocol = settings.kafka_security.upper()
        secure = protocol.endswith("SSL")
        return cls(
            url=settings.kafka_url,
            protocol=protocol,
            mechanism=settings.kafka_sasl_mechanism,
            username=settings.kafka_username,
            password=settings.kafka_password.get_secret_value() if settings.kafka_password else None,
            context=ssl.create_default_context(cafile=settings.kafka_ca_file) if secure else None,
        )

    def client_options(self) -> dict[str, Any]:
        """Return the arguments that every aiokafka client takes for reaching the cluster."""
        options: dict[str, Any] = {"bootstrap_servers": self.url, "security_protocol": self.protocol}
        if self.context is not None:
            options["ssl_context"] = self.context
        if self.protocol.startswith("SASL"):
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return options

    def broker_security(self) -> BaseSecurity | None:
        """Return the same for FastStream's broker; `None` for a plain connection."""
        if self.protocol == "PLAINTEXT":
            return None
        secure = self.context is not None
        if not self.protocol.startswith("SASL"):
            return BaseSecurity(ssl_context=self.context, use_ssl=secure)
        by_mechanism = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
        return by_mechanism[self.mechanism](
            username=self.username or "",
            password=self.password or "",
            ssl_context=self.context,
            use_ssl=secure,
        )

    async def cluster_id(self) -> str:
        """Return the id of the cluster; raises `KafkaError` while it can't be reached."""
        admin = AIOKafkaAdminClient(**self.client_options(), request_timeout_ms=10_000)
        await admin.start()
        try:
            return str((await admin.describe_cluster())["cluster_id"])
        finally:
            await admin.close()
