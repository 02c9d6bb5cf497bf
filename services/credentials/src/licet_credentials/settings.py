"""Settings of this service, in addition to those of every service."""

from pydantic import Field, SecretStr, field_validator

from licet_chassis.settings import ServiceSettings
from licet_credentials.images.receiving import UploadRoom
from licet_credentials.images.storage import Bucket
from licet_credentials.images.workers import WorkerLimits


class Settings(ServiceSettings):
    """Settings of the credentials service."""

    s3_url: str | None = None
    """URL of the object store; by default that of AWS for the region."""
    s3_public_url: str | None = None
    """URL under which browsers reach the object store, if it differs."""
    s3_bucket: str = Field("licet", min_length=3, max_length=63)
    """Bucket for images. It must be private."""
    s3_access_key: SecretStr
    """Access key of an account that may read and write objects in the bucket."""
    s3_secret_key: SecretStr
    """Secret key of the same account."""
    s3_region: str = "us-east-1"
    """Region of the bucket; signatures contain it."""

    image_workers: int = Field(1, ge=1, le=32)
    """Processes that decode images."""
    image_pixels: int = Field(52_000_000, ge=1_000_000)
    """Pixels (width by height) of the largest accepted image."""
    image_memory_bytes: int = Field(640 << 20, ge=256 << 20)
    """Memory limit of one worker."""
    image_seconds: int = Field(20, ge=1, le=300)
    """Time limit for one image."""
    image_wait_seconds: float = Field(25.0, gt=0, le=300)
    """How long an upload waits for space and a worker before it gets a 503 to retry.

    The answer comes within half a minute even on a busy machine.
    """
    image_spool_bytes: int = Field(192 << 20, ge=64 << 20)
    """Disk space for uploads in progress, where Python keeps temporary files (TMPDIR)."""
    image_receive_seconds: float = Field(60.0, gt=0, le=600)
    """How long receiving a file may take."""

    @field_validator("s3_url", "s3_public_url")
    @classmethod
    def _is_endpoint(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("https://", "http://")):
            raise ValueError("must begin with https:// or http://")
        return url

    @property
    def bucket(self) -> Bucket:
        """The bucket for images."""
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
        """Disk space for uploads in progress."""
        return UploadRoom(
            self.image_spool_bytes,
            wait_seconds=self.image_wait_seconds,
            receive_seconds=self.image_receive_seconds,
        )

    @property
    def worker_limits(self) -> WorkerLimits:
        """Limits of the image workers."""
        return WorkerLimits(
            self.image_workers,
            self.image_pixels,
            self.image_memory_bytes,
            self.image_seconds,
        )
