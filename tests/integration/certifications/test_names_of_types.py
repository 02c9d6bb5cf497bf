"""Requirements call credential types by code or alias, and mean the type that is called so."""

from datetime import date
from itertools import permutations
from typing import Any

import pytest

from licet_events.catalogue import Category, CredentialTypeChanged, CredentialTypeState, Expression
from licet_events.eligibility import EligibilityChanged

from .conftest import NOW, credential, event_of, holder, run

VALID = run(date(2026, 1, 1), date(2026, 6, 30))


def named(code: str, *aliases: str, version: int = 1, **rules: Any) -> CredentialTypeChanged:
    state = CredentialTypeState(
        code=code, version=version, name=code, category=Category.LICENSE, aliases=aliases,
        created_at=NOW, updated_at=NOW, **rules,
    )  # fmt: skip
    return CredentialTypeChanged(credential_type=state)


async def decided(service: Any) -> list[EligibilityChanged]:
    await service.work_off()
    return [one.data for one in await service.published() if isinstance(one.data, EligibilityChanged)]


def said(event: EligibilityChanged) -> tuple[str, str | None]:
    """Return what counts while the requirement is in force: code and type."""
    (reason,) = event.eligibility.intervals[1].reasons
    return str(reason.code), reason.type


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_an_alias_in_a_requirement_is_met_by_credentials_of_the_type(service, order):
    steps = (
        lambda: service.require("role:forklift", "truck"),
        lambda: service.tell(holder(1)),
        lambda: service.tell(credential(2, 1, VALID, type="licence")),
        lambda: service.tell(named("licence", "truck")),
    )
    told = []
    for index in order:
        await steps[index]()
        told += await decided(service)
    assert said(told[-1]) == ("valid", "licence")
    assert [(fact.kind, fact.id) for fact in told[-1].eligibility.facts][:2] == [
        ("credential", str(credential(2, 1).id)),
        ("credential_type", "licence"),
    ]


async def test_an_alias_is_what_it_is_now_and_not_what_it_was_when_the_requirement_was_made(service):
    await service.tell(holder(1), credential(2, 1, VALID, type="licence"), named("licence"))
    requirement = await service.require("role:forklift", "truck")
    assert said((await decided(service))[-1]) == ("missing", "truck")
    await service.tell(named("licence", "truck", version=2))
    assert said((await decided(service))[-1]) == ("valid", "licence")
    await service.tell(named("licence", version=3), named("crane", "truck"))
    assert said((await decided(service))[-1]) == ("missing", "crane")
    assert requirement.expression.types == ("truck",)


async def test_a_credential_touches_the_targets_whose_requirements_say_an_alias_of_its_type(service):
    await service.tell(holder(1, roles=("forklift", "clerk")), named("licence", "truck"))
    await service.require("role:forklift", "truck")
    await service.require("role:clerk", "typing")
    await service.work_off()
    await service.tell(credential(2, 1, VALID, type="licence"))
    assert await service.queued() == {(1, "role:forklift")}


async def test_a_type_whose_names_stay_touches_nothing(service):
    await service.require("role:forklift", "truck")
    await service.tell(holder(1), named("licence", "truck", "fork"))
    await service.work_off()
    await service.tell(named("licence", "fork", "truck", version=2, grace_days=7), named("licence"))
    assert await service.queued() == set()


async def test_of_a_batch_only_the_newest_names_count(service):
    await service.require("role:forklift", "truck")
    await service.tell(holder(1), credential(2, 1, VALID, type="licence"))
    await service.tell_batch(event_of(named("licence", version=2)), event_of(named("licence", "truck")))
    assert said((await decided(service))[-1]) == ("missing", "truck")


async def test_two_names_of_one_type_ask_for_it_once(service):
    await service.tell(holder(1), credential(2, 1, VALID, type="licence"), named("licence", "truck"))
    state = await service.require()
    await service.change(state, expression=Expression(kind="k_of", types=("truck", "licence"), k=2))
    assert said((await decided(service))[-1]) == ("valid", "licence")
