"""`python -m licet_credentials serve | migrate | backfill | check | parked`."""

from licet_chassis.main import run
from licet_credentials.app import create_service
from licet_credentials.settings import Settings

if __name__ == "__main__":
    raise SystemExit(run("licet_credentials", Settings, create_service))
