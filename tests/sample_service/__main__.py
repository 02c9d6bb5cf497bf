"""Run the sample service: `python -m sample_service serve | migrate | backfill | check`."""

import sys

from licet_chassis.main import run
from licet_chassis.settings import ServiceSettings
from sample_service.app import create_service

sys.exit(run("sample_service", ServiceSettings, create_service))
