"""What this service is told from outside, beside what every service is told."""

from pydantic import Field, SecretStr, field_validator

from licet_chassis.settings import ServiceSettings
from licet_credentials.images.receiving import UploadRoom
from licet_credentials.images.storage import Bucket
from licet_credentials.images.workers import WorkerLimits


class Settings(ServiceSettings):
    """Settings of the credentials service."""

    s3_url: str | None = None
    """Of the object store; where absent, that of AWS for the region."""
    s3_public_url: str | None = None
    """How browsers reach the object store, where that differs."""
    s3_bucket: str = Field("licet", min_length=3, max_length=63)
    """Where images are kept. It must be private."""
    s3_access_key: SecretStr
    """Of an account that may read and write objects in the bucket."""
    s3_secret_key: SecretStr
    """Of the same account."""
    s3_region: str = "us-east-1"
    """Of the bucket; signatures name it."""

    image_workers: int = Field(1, ge=1, le=32)
    """Processes that decode images."""
    image_pixels: int = Field(50_000_000, ge=1_000_000)
    """The largest image, width by height."""
    image_memory_bytes: int = Field(640 << 20, ge=256 << 20)
    """Of one worker."""
    image_seconds: int = Field(20, ge=1, le=300)
    """For one image."""
    image_wait_seconds: float = Field(25.0, gt=0, le=300)
    """How long an upload waits for room and a worker before it is told to come again.

    It is told within half a minute also where the machine has much to do.
    """
    image_spool_bytes: int = Field(192 << 20, ge=64 << 20)
    """Of disk, where Python keeps temporary files (TMPDIR), for uploads that are being worked on."""
    image_receive_seconds: float = Field(60.0, gt=0, le=600)
    """How long a file may take to come in."""

    @field_validator("s3_url", "s3_public_url")
    @classmethod
    def _is_endpoint(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("https://", "http://")):
            raise ValueError("must begin with https:// or http://")
        return url

    @property
    def bucket(self) -> Bucket:
        """Where images are kept."""
        return Bucket(
            self.s3_url,
            self.s3_bucket,
            self.s3_access_key,
            self.s3_secret_key,
            self.s3_region,
            self.s3_public_url,
        )

    @property
    def upload_room(self) -> UploadRoom:
        """Room for uploads that are being worked on."""
        return UploadRoom(
            self.image_spool_bytes,
            wait_seconds=self.image_wait_seconds,
            receive_seconds=self.image_receive_seconds,
        )

    @property
    def worker_limits(self) -> WorkerLimits:
        """What the image workers may take."""
        return WorkerLimits(
            self.image_workers,
            self.image_pixels,
            self.image_memory_bytes,
            self.image_seconds,
        )
