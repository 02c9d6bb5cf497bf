"""Which letter a recipient gets, and for whom one that goes to several is written."""

from typing import Any

from licet_notifier.notifications.model import Decision, Decisions, template_of
from licet_notifier.notifications.store import Claimed
from licet_notifier.notifications.wording import Tongue
from licet_notifier.templates.catalogue import Catalogue
from licet_notifier.templates.model import Reader
from licet_notifier.templates.rendering import Letter


def letter_for(
    catalogue: Catalogue, mail: Claimed[Any], recipient: Decision, type: str | None
) -> tuple[Letter, Tongue]:
    """Return the letter of a mail for a recipient, and the language for its values.

    `type` is the code of the credential's type, or of the programme. The step is the one that was announced,
    also where the mail had to wait and fewer days are left.
    """
    event = template_of(mail.notice, mail.after_days).removesuffix(".v1")
    reader = Reader(recipient.reading, recipient.locale, type, mail.notice.step)
    letter, _ = catalogue.choose(event, reader)
    return letter, Tongue.of(letter.language, recipient.locale)


def first_of_copies(decisions: Decisions, decision: Decision) -> Decision:
    """Return the recipient for whom a mail is written: the first of those who get copies of one."""
    if not decision.copies:
        return decision
    return next(each for each in _together(decisions, decision) if each.due)


def copies_of(decisions: Decisions, first: Decision) -> tuple[Decision, ...]:
    """Return the others who get a copy of the mail that is written for `first`."""
    if not first.copies:
        return ()
    return tuple(each for each in _together(decisions, first) if each.due and each is not first)


def _together(decisions: Decisions, decision: Decision) -> Decisions:
    return tuple(each for each in decisions if each.after_days == decision.after_days)
