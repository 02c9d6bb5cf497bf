"""The notifier's settings, beside those of every service."""

import re
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from licet_chassis.settings import ServiceSettings
from licet_notifier.mail.address import usable_address
from licet_notifier.mail.message import UnsafeHeader, refuse_control_characters
from licet_notifier.mail.server import SmtpServer, authorities
from licet_notifier.templates.languages import is_known_language
from licet_notifier.templates.model import FALLBACK_LANGUAGE, normal_language

_EHLO_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[(IPv6:)?[0-9A-Fa-f.:]+\]", re.ASCII)
"""A domain name or an address literal (RFC 5321, 4.1.1.1)."""


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
    mail_return_path: str | None = None
    """Where bounces go, such as bounces@example.org: each mail has an envelope sender of its own, with a plus
    sign and the id of its notification. Where absent, bounces go to the sender."""
    mail_fallback: str | None = None
    """A functional address for mails that have no recipient, where team and location have none."""
    default_language: str = FALLBACK_LANGUAGE
    """The language of mails to whoever has no locale, or one in which there is no template: `de`, `de-AT`."""
    smtp_ehlo_name: str | None = None
    """The name that this sender greets the mail server with; where absent, the machine's host name."""
    smtp_ca_file: str | None = None
    """PEM file of the authorities to trust for the mail server; where absent, those of the system."""
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

    links_url: str | None = None
    """Where readers of mails reach the notifier, such as https://licet.example.org; without it mails have no
    links to acknowledge and snooze reminders."""
    links_key: SecretStr | None = Field(None, min_length=32)
    """The secret that signs these links, at least 32 characters; with another one old links are not valid."""

    @model_validator(mode="after")
    def _links_are_whole(self) -> Self:
        if (self.links_url is None) != (self.links_key is None):
            raise ValueError("links_url and links_key go together: set both or neither")
        return self

    @field_validator("links_url")
    @classmethod
    def _is_base(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if re.fullmatch(r"https?://[^\s?#/]+(/[^\s?#]*)?", url) is None:
            raise ValueError("must be an address such as https://licet.example.org, without a query")
        return url.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp_server(cls, url: SecretStr) -> SecretStr:
        SmtpServer.of_url(url.get_secret_value())
        return url

    @field_validator("smtp_ehlo_name")
    @classmethod
    def _is_ehlo_name(cls, name: str | None) -> str | None:
        if name is not None and not _EHLO_NAME.fullmatch(name):
            raise ValueError("must be a domain name (licet.example.org) or an address ([192.0.2.1])")
        return name

    @field_validator("smtp_ca_file")
    @classmethod
    def _is_ca_file(cls, path: str | None) -> str | None:
        if path is not None:
            authorities(path)
        return path

    @field_validator("mail_from", "mail_reply_to", "mail_return_path", "mail_fallback")
    @classmethod
    def _is_address(cls, address: str | None) -> str | None:
        usable = usable_address(address)
        if address is not None and usable is None:
            raise ValueError("must be an e-mail address, such as licet@example.org")
        return usable

    @field_validator("default_language")
    @classmethod
    def _is_language(cls, language: str) -> str:
        tag = normal_language(language)
        if not is_known_language(tag):
            raise ValueError("must be a language tag of CLDR, such as de or de-AT")
        return tag

    @field_validator("mail_from_name")
    @classmethod
    def _is_printable(cls, name: str) -> str:
        try:
            return refuse_control_characters(name)
        except UnsafeHeader as error:
            raise ValueError(str(error)) from None
