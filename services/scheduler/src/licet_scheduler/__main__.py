"""`python -m licet_scheduler serve | migrate | backfill | check`."""

import sys

from licet_chassis.main import run
from licet_scheduler.app import create_service
from licet_scheduler.settings import SchedulerSettings

if __name__ == "__main__":
    sys.exit(run("licet_scheduler", SchedulerSettings, create_service))
