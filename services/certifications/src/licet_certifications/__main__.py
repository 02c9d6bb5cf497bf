"""`python -m licet_certifications serve | migrate | backfill | check`."""

import sys

from licet_certifications.app import create_service
from licet_certifications.settings import Settings
from licet_chassis.main import run

if __name__ == "__main__":
    sys.exit(run("licet_certifications", Settings, create_service))
