"""The list filter in SQL and the model in Python say the same of every history at every instant."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from licet_chassis.cause import Cause
from licet_credentials.credentials.commands.writing import write_credentials
from licet_credentials.credentials.model import CredentialFacts
from licet_credentials.credentials.steps import new_credential
from licet_credentials.credentials.store import PendingChange
from licet_credentials.credentials.validity import validity
from licet_credentials.register import store
from licet_credentials.register.model import CredentialFilter
from licet_credentials.types.commands import define_type
from licet_events.credentials import Origin, Validity
from licet_events.ids import uuid7
from unit.credentials.histories import LADDERS, flag_sets, rules, terms

from .conftest import NOW


def histories(count: int) -> list[Any]:
    """Return random credentials, the same ones in every run."""
    found: list[Any] = []

    @settings(max_examples=count, database=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(terms(), flag_sets(), LADDERS)
    def gather(made, flags, ladder):
        own = tuple(replace(term, id=uuid7()) for term in made)
        found.append((own, tuple(replace(flag, id=uuid7()) for flag in flags), ladder))

    gather()
    return found


async def test_each_credential_is_listed_under_its_validity_and_no_other(http, service, ana):
    saved = []
    async with service.database.transaction(Cause.new("user:t")) as tx:
        entry = rules()
        await define_type(tx, entry, now=NOW)
        for own, flags, ladder in histories(120):
            facts = CredentialFacts(holder_id=ana["id"], ladder=ladder)
            change = new_credential(facts, entry, own, flags, Origin.API, NOW)
            saved.append(PendingChange(change, entry))
        await write_credentials(tx, saved, NOW)
    chosen = random.Random(7)
    for _ in range(12):
        # Business time never goes back, so nobody asks for an instant before the last announcement.
        now = NOW + timedelta(hours=chosen.randrange(30_000))
        expected = {
            each.change.credential.id: validity(
                each.change.credential.runs, each.change.credential.flags, now
            )
            for each in saved
        }
        async with service.database.reading() as conn:
            for wanted in Validity:
                listed = await store.find_credentials(
                    conn, CredentialFilter(validity=(wanted,)), now=now, limit=500
                )
                assert {row.id for row in listed} == {one for one, is_ in expected.items() if is_ is wanted}
