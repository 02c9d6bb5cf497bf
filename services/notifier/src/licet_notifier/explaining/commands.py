"""Use cases of explaining: who is told of a credential's step."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import NotFound
from licet_chassis.http.principal import Principal
from licet_notifier.explaining.model import notice_of
from licet_notifier.facts.model import Facts, Needs, Notice
from licet_notifier.facts.store import read_known
from licet_notifier.notifications.circles import case_of, resolved_or_default
from licet_notifier.notifications.deciding import decide
from licet_notifier.notifications.model import Decision, Deployment, template_of
from licet_notifier.policy.model import Policy, Resolved, check_policy
from licet_notifier.policy.store import current_policy
from licet_notifier.restraint.store import read_calendar
from licet_notifier.templates.model import Choice, Reader
from licet_notifier.templates.rendering import Letter
from licet_notifier.templates.store import current_catalogue


@dataclass(frozen=True, slots=True)
class ToldBy:
    """A recipient of a step, with the letter they would get and why it is this one."""

    decision: Decision
    letter: Letter
    choice: Choice


@dataclass(frozen=True, slots=True)
class Explanation:
    """Who is told of a step, and by which rule."""

    notice: Notice
    policy_version: int
    resolved: Resolved
    told: tuple[ToldBy, ...]


async def read_facts(tx: Transaction, credential_id: UUID, principal: Principal, needs: Needs) -> Facts:
    """Return what is known of a credential; raises `NotFound` for one that the token may not see."""
    known = await read_known(tx.conn, credential_id, needs)
    facts = None if known is None else known.facts_about(credential_id)
    if facts is None or not principal.may_see(team=facts.holder.team, location=facts.holder.location):
        raise NotFound(f"There is no credential {credential_id} here, or none that this token may see.")
    return facts


async def explain_step(
    tx: Transaction,
    credential_id: UUID,
    step: int | None,
    *,
    draft: Policy | None,
    principal: Principal,
    deployment: Deployment,
    now: datetime,
) -> Explanation:
    """Return who is told of a step by the policy that counts, or by a draft of one.

    A step that is yet to come is decided as if its day had come and nothing had changed until then. Raises
    `NotFound`, and `Invalid` for a credential without an end or a draft that makes no sense.
    """
    if draft is not None:
        check_policy(draft)
    policy = draft or await current_policy(tx.conn)
    facts = await read_facts(tx, credential_id, principal, policy.needs)
    notice = notice_of(facts.credential, step, now)
    catalogue = await current_catalogue(tx.conn, deployment.language)
    calendar = await read_calendar(tx.conn)
    resolved = resolved_or_default(policy.resolve(case_of(notice.mail_name, step, facts)))
    decisions = decide(notice, facts, deployment, max(now, notice.at), calendar, policy)
    told = []
    for each in decisions:
        event = template_of(notice, each.after_days).removesuffix(".v1")
        reader = Reader(each.reading, each.locale, facts.credential.type, step)
        told.append(ToldBy(each, *catalogue.choose(event, reader)))
    return Explanation(notice, policy.version, resolved, tuple(told))
