"""Use cases of previews: render a template for a real credential and recipient, or for made-up ones."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid
from licet_chassis.http.principal import Principal
from licet_events.notifications import RecipientRole
from licet_notifier.digests.wording import digest_wording
from licet_notifier.enrolment_mails import model as enrolments
from licet_notifier.enrolment_mails.wording import wording as enrolment_wording
from licet_notifier.explaining import samples
from licet_notifier.explaining.commands import read_facts
from licet_notifier.explaining.model import event_of, notice_of
from licet_notifier.facts.mails import DIGEST, OF_ENROLMENTS, OF_SHIFTS
from licet_notifier.facts.model import EnrolmentMail, Facts, Notice
from licet_notifier.mail.message import Content
from licet_notifier.notifications.deciding import decide
from licet_notifier.notifications.model import Decision, Decisions, Deployment, Detour
from licet_notifier.notifications.wording import Tongue, Wording, wording
from licet_notifier.policy.model import Circle
from licet_notifier.policy.store import current_policy
from licet_notifier.shift_digests import model as shift_digests
from licet_notifier.templates.catalogue import Catalogue
from licet_notifier.templates.model import Choice, Reader, Reading, TemplateVersion, Variant
from licet_notifier.templates.rendering import Letter, TemplateFailed
from licet_notifier.templates.store import current_catalogue


@dataclass(frozen=True, slots=True)
class Preview:
    """A rendered mail, with the variant and why it was chosen."""

    letter: Letter
    choice: Choice
    content: Content


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be previewed."""

    event: str
    credential_id: UUID | None
    recipient: Reading
    language: str | None
    step: int | None
    draft: Sequence[Variant] | None
    """Variants that are not saved, in place of those that are."""
    every_variant: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """About what and for whom a template is rendered."""

    reader: Reader
    values: Callable[[Tongue], Wording]
    locale: str | None


async def preview(
    tx: Transaction, asked: Asked, *, principal: Principal, deployment: Deployment, now: datetime
) -> list[Preview]:
    """Return the mail that the recipient would get; with `every_variant` one for each variant after it.

    Raises `NotFound` for a credential that the token may not see, and `Invalid` for a template that fails.
    """
    catalogue = await current_catalogue(tx.conn, deployment.language)
    if asked.draft is not None:
        draft = {asked.event: TemplateVersion(asked.event, 0, tuple(asked.draft))}
        catalogue = Catalogue(catalogue.default_language, {**catalogue.saved, **draft})
    scene = await _scene(tx, asked, principal, deployment, now)
    letters = [catalogue.choose(asked.event, scene.reader)]
    if asked.every_variant:
        letters += catalogue.every(asked.event)
    return await asyncio.to_thread(lambda: [_render(letter, choice, scene) for letter, choice in letters])


def _render(letter: Letter, choice: Choice, scene: Scene) -> Preview:
    try:
        values = scene.values(Tongue.of(letter.language, scene.locale))
        return Preview(letter, choice, letter.render(values, scene.locale))
    except TemplateFailed as error:
        raise Invalid(f"The variant {letter.variant.conditions.label} can't be rendered: {error}.") from None


async def _scene(
    tx: Transaction, asked: Asked, principal: Principal, deployment: Deployment, now: datetime
) -> Scene:
    if asked.event in OF_ENROLMENTS:
        return _enrolment_scene(asked, deployment, now)
    if asked.event in OF_SHIFTS:
        return _shift_scene(asked, now)
    if asked.event == DIGEST:
        return _digest_scene(asked, deployment, now)
    policy = await current_policy(tx.conn)
    if asked.credential_id is None:
        facts = samples.credential_facts(now, _step(asked) or 0)
    else:
        facts = await read_facts(tx, asked.credential_id, principal, policy.needs)
    notice = notice_of(facts.credential, _step(asked), now)
    at = _morning(notice)
    decisions = decide(notice, facts, deployment, at, policy=policy)
    if asked.event == "credential.escalated":
        at += timedelta(days=7)
    decision = _for(asked.recipient, decisions, facts)
    locale = asked.language or decision.locale
    return Scene(
        Reader(asked.recipient, locale, facts.credential.type, notice.step),
        lambda tongue: wording(notice, facts, decisions, decision, at, tongue),
        locale,
    )


def _step(asked: Asked) -> int | None:
    usual = {"credential.expiring": 30, "credential.overdue": -7, "credential.escalated": 30}
    step = usual.get(asked.event) if asked.step is None else asked.step
    if asked.event == "credential.expired":
        return None
    if step is not None and asked.event != "credential.escalated" and event_of(step) != asked.event:
        raise Invalid(f"The step {step} is of {event_of(step)}, not of {asked.event}.", pointer="/step")
    return step


def _morning(notice: Notice) -> datetime:
    """Return when a mail about the notice would leave: its days are counted from then."""
    return notice.at + timedelta(hours=9)


def _for(recipient: Reading, decisions: Decisions, facts: Facts) -> Decision:
    """Return the decision about a recipient; a made-up one where the policy tells nobody like it."""
    found = next((each for each in decisions if each.reading is recipient), None)
    if found is not None:
        return found
    people = {
        Reading.HOLDER: facts.holder,
        Reading.MANAGER: facts.manager,
        Reading.MANAGERS_MANAGER: facts.managers_manager,
        Reading.SUPERVISOR: next(iter((*facts.team_supervisors, *facts.location_supervisors)), None),
    }
    person = people.get(recipient) or (None if recipient in _NAMELESS else samples.manager())
    role = RecipientRole.HOLDER if recipient is Reading.HOLDER else RecipientRole.MANAGER
    circle = _CIRCLES.get(recipient, recipient.value)
    made_up = Decision(
        role, role, circle=circle, name=person.name if person else None, address="x@example.org"
    )
    if recipient is Reading.FALLBACK:
        manager = Circle.MANAGER.value
        return replace(made_up, role=RecipientRole.FALLBACK, detour=Detour.MANAGER_NONE, circle=manager)
    return replace(made_up, locale=person.locale) if person else made_up


_CIRCLES = {Reading.SUPERVISOR: Circle.TEAM_SUPERVISORS.value, Reading.ROLE: f"{Circle.ROLE}:safety"}
_NAMELESS = frozenset({Reading.ADDRESS, Reading.FALLBACK})


def _enrolment_scene(asked: Asked, deployment: Deployment, now: datetime) -> Scene:
    if asked.credential_id is not None:
        raise Invalid("This mail is about an enrolment; leave credential_id out.", pointer="/credential_id")
    mail = EnrolmentMail(asked.event.removeprefix("enrolment."))
    notice, facts = samples.enrolment_of(mail, now)
    question = enrolments.Question(notice, facts, deployment, now)
    decisions = enrolments.decide(question)
    of_reading = [each for each in decisions if each.reading is asked.recipient]
    role = RecipientRole.HOLDER if asked.recipient is Reading.HOLDER else RecipientRole.MANAGER
    if asked.recipient is Reading.FALLBACK:
        made_up = Decision(role, RecipientRole.FALLBACK, detour=Detour.MANAGER_NONE, time_zone=samples.ZONE)
    else:
        name = facts.holder.name if role is RecipientRole.HOLDER else samples.manager().name
        made_up = Decision(role, role, name=name, time_zone=samples.ZONE)
    decision = of_reading[0] if of_reading else made_up
    return Scene(
        Reader(asked.recipient, asked.language, facts.enrolment.programme, notice.step),
        lambda tongue: enrolment_wording(question, decisions, decision, tongue),
        asked.language,
    )


def _shift_scene(asked: Asked, now: datetime) -> Scene:
    if asked.credential_id is not None:
        raise Invalid("This mail is about shifts; leave credential_id out.", pointer="/credential_id")
    fallback = asked.recipient is Reading.FALLBACK
    role = RecipientRole.FALLBACK if fallback else RecipientRole.MANAGER
    name = None if fallback else samples.manager().name
    recipient = shift_digests.Recipient(role, None, name, "x@example.org", samples.ZONE)
    items = [shift_digests.Item(shift, holder) for shift, holder in samples.shifts_at(now)]
    return Scene(
        Reader(asked.recipient, asked.language),
        lambda tongue: shift_digests.wording(items, recipient, "North", tongue, urgent=False),
        asked.language,
    )


def _digest_scene(asked: Asked, deployment: Deployment, now: datetime) -> Scene:
    if asked.credential_id is not None:
        raise Invalid("This mail is about several; leave credential_id out.", pointer="/credential_id")
    facts = samples.credential_facts(now, 30)
    notice = notice_of(facts.credential, 30, now)
    decision = _for(asked.recipient, decide(notice, facts, deployment, now), facts)
    told = [(notice, facts)] * 2
    return Scene(
        Reader(asked.recipient, asked.language),
        lambda tongue: digest_wording(told, facts, decision, now, tongue),
        asked.language,
    )
