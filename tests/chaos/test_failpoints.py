"""Killed at every place where the service reads or writes: nothing is lost, nothing is done twice.

For each scenario and each failpoint on its way: the request is sent, the service kills itself there, is
started again, and the request is sent again with its `Idempotency-Key`, as a client would. Then the effect
is there once, and database, topics and bucket agree.
"""

import contextlib
from importlib import import_module
from itertools import count
from typing import Any

import httpx
import pytest

from chaos.agreement import wait_until_agreed
from chaos.scenarios import IN_CERTIFICATIONS, SCENARIOS, attempt
from chaos.service_process import CredentialsService
from licet_chassis.failpoints import registered

CASES = [(name, place) for name, scenario in SCENARIOS.items() for place in sorted(scenario.places)]
_numbers = count(1)
_hit: set[str] = set()


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("name", "place"), CASES)
def test_a_request_killed_at_a_failpoint_and_repeated_takes_effect_once(
    service: CredentialsService, kafka_server: Any, name: str, place: str
) -> None:
    scenario = SCENARIOS[name]
    wanted = attempt(service.client, kafka_server, f"{name}-{next(_numbers)}")
    scenario.prepare(wanted)
    wait_until_agreed(service)
    service.arm(place)
    try:
        # Whether the answer gets out before the process is gone depends on the place.
        with contextlib.suppress(httpx.HTTPError):
            scenario.do(wanted)
        assert service.was_killed(), f"{name} never passed {place}"
    finally:
        service.disarm()
        service.close_process()
        service.start()
    _hit.add(place)
    scenario.do(wanted)
    scenario.check(wanted)
    wait_until_agreed(service)


def test_every_registered_failpoint_was_hit() -> None:
    """Runs last: what is registered and on nobody's way is a hole in the net."""
    import_module("licet_credentials.app")
    known = registered() - IN_CERTIFICATIONS  # another test of this process may have imported them
    print(f"\nfailpoints: {len(_hit)} hit of {len(known)} registered")
    assert sorted(known - _hit) == []
