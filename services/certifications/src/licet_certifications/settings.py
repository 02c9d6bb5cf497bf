"""What the service is told from outside."""

from pathlib import Path

from pydantic import SecretStr

from licet_chassis.settings import ServiceSettings


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

    @property
    def signing_key_pem(self) -> str | None:
        """The key that signs the results of audits."""
        return None if self.audit_signing_key is None else self.audit_signing_key.get_secret_value()
