"""The notifier's settings, beside those of every service."""

from pydantic import Field, SecretStr, field_validator

from licet_chassis.settings import ServiceSettings
from licet_notifier.mail.message import UnsafeHeader, refuse_control_characters
from licet_notifier.mail.transport import SmtpServer
from licet_notifier.notifications.address import usable_address


class NotifierSettings(ServiceSettings):
    """Settings of the notifier."""

    smtp_url: SecretStr = Field(
        description="smtp://user:password@host:port, with ?starttls=auto, always or never; smtps:// for TLS"
    )
    mail_from: str = Field(description="the sender's address")
    mail_from_name: str = "Licet"
    """The sender's name."""
    mail_reply_to: str | None = None
    """Where answers go; where absent, to the sender."""
    mail_fallback: str | None = None
    """A functional address for mails that have no recipient, where team and location have none."""
    smtp_connections: int = Field(8, ge=1, le=256)
    """How many conversations with the server at once."""
    smtp_mails_per_connection: int = Field(100, ge=1)
    """After so many a connection is closed and another made."""
    smtp_connect_timeout: float = Field(30.0, gt=0)
    """Seconds."""
    smtp_command_timeout: float = Field(120.0, gt=0)
    """Seconds for the answer to a command."""
    smtp_final_timeout: float = Field(600.0, gt=0)
    """How long the answer to the end of a mail may take, in seconds; ten minutes by RFC 5321."""

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp_server(cls, url: SecretStr) -> SecretStr:
        SmtpServer.of_url(url.get_secret_value())
        return url

    @field_validator("mail_from", "mail_reply_to", "mail_fallback")
    @classmethod
    def _is_address(cls, address: str | None) -> str | None:
        usable = usable_address(address)
        if address is not None and usable is None:
            raise ValueError("must be an e-mail address, such as licet@example.org")
        return usable

    @field_validator("mail_from_name")
    @classmethod
    def _is_printable(cls, name: str) -> str:
        try:
            return refuse_control_characters(name)
        except UnsafeHeader as error:
            raise ValueError(str(error)) from None
