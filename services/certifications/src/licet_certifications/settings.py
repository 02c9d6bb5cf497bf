"""What the service is told from outside."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from licet_chassis.settings import ServiceSettings
from licet_events.waivers import WaiverReason


class Settings(ServiceSettings):
    """The settings of certifications, beside those that every service has."""

    audit_signing_key: SecretStr | None = None
    """Ed25519 private key in PEM (PKCS#8) that signs the results of audits. Where absent, one is made and
    kept in the database: whoever reads the database could sign as well."""

    document_fonts: Path | None = None
    """A folder with more fonts (.ttf, .otf) for PDF documents, for scripts that those installed lack."""
    verification_link: str = "/v1/enrolments/{enrolment_id}"
    """Where a certificate says its present status can be seen: a path of this service or a whole address, in
    which `{enrolment_id}` and `{credential_id}` are filled in."""
    waiver_days: dict[WaiverReason, Annotated[int, Field(ge=1, le=3650)]] = Field(default_factory=dict)
    """The most days that a waiver lasts, by the code of its reason, as JSON. What is left out: 365 for
    `equivalent_held`, 90 for `renewal_in_progress` and `supervised`, 30 for `administrative`, 7 for
    `emergency`."""

    @property
    def signing_key_pem(self) -> str | None:
        """The key that signs the results of audits."""
        return None if self.audit_signing_key is None else self.audit_signing_key.get_secret_value()
