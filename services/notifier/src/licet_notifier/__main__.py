"""The notifier's command: `python -m licet_notifier serve | migrate | backfill | check`."""

import sys

from licet_chassis.main import run
from licet_notifier.app import create_service
from licet_notifier.settings import NotifierSettings

if __name__ == "__main__":
    sys.exit(run("licet_notifier", NotifierSettings, create_service))
