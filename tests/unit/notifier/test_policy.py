"""Which rule counts for a notice, whom it tells, and what a policy may not say."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from licet_chassis.errors import Invalid
from licet_events.notifications import NotificationReason, RecipientRole
from licet_notifier.facts.model import Facts, Holder, Place
from licet_notifier.notifications.deciding import decide
from licet_notifier.notifications.model import Detour
from licet_notifier.policy.documents import document_of, policy_of
from licet_notifier.policy.model import Case, Policy, check_policy
from support.mailing.cases import DEPLOYMENT, MORNING, ZONE, facts, holder, manager, notice

EXPIRING = "credential.expiring"


def policy(*rules: dict, **circles: list) -> Policy:
    return policy_of({"rules": list(rules), "circles": circles}, 1)


def person(number: int, name: str, **changes) -> Holder:
    found = Holder(UUID(int=number), 1, name, f"{name.lower()}@example.org", ZONE, "east", "ber", None, True)
    return replace(found, **changes)


IDA, TOM, LEA = person(21, "Ida"), person(22, "Tom"), person(23, "Lea", team="west")


def around(**changes) -> Facts:
    place = Place("ber", "Berlin", ZONE, None)
    given = {
        "managers_manager": IDA, "team_supervisors": (TOM,), "location_supervisors": (TOM, LEA),
        "of_roles": {"safety": (IDA, LEA)}, "locations": {"ber": place},
    }  # fmt: skip
    return facts(**(given | changes))


def told(rules: Policy, step: int = 30, known: Facts | None = None) -> list[tuple[str, str | None, str]]:
    decisions = decide(notice(step=step), known or around(), DEPLOYMENT, MORNING, policy=rules)
    return [(each.circle or "", each.address, each.reason.value) for each in decisions]


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        (Case(EXPIRING, 90, "forklift", "east", "ber"), "rule 1"),
        (Case(EXPIRING, 30, "forklift", "east", "ber"), "rule 4"),
        (Case(EXPIRING, 30, "crane", "east", "ber"), "rule 2"),
        (Case(EXPIRING, 30, "crane", "west", "ber"), "rule 3"),
        (Case("credential.expired", None, "crane", "west", "ber"), "rule 5"),
    ],
)
def test_the_rule_that_names_most_conditions_counts(case, rule):
    rules = policy(
        {"event": EXPIRING, "steps": [90, 60], "type": "forklift", "tell": ["holder"]},
        {"event": EXPIRING, "team": "east", "tell": ["holder"]},
        {"event": EXPIRING, "tell": ["holder"]},
        {"event": EXPIRING, "type": ["forklift"], "tell": ["manager"]},
        {"tell": []},
    )
    resolved = rules.resolve(case)
    assert resolved is not None
    assert resolved.rule == rule


def test_without_a_rule_holder_and_manager_are_told():
    assert told(policy({"event": "credential.expired", "tell": []})) == [
        ("holder", "ada@example.org", "due"),
        ("manager", "max@example.org", "due"),
    ]
    assert told(policy({"event": EXPIRING, "tell": []})) == []


def test_every_circle_is_found_and_nobody_gets_two_mails():
    rules = policy({"tell": [
        "holder", "manager", "managers_manager", "team_supervisors", "location_supervisors",
        {"role": "safety"}, {"address": "desk@example.org"}, {"address": "MAX@example.org"},
    ]})  # fmt: skip
    assert told(rules) == [
        ("holder", "ada@example.org", "due"),
        ("manager", "max@example.org", "due"),
        ("managers_manager", "ida@example.org", "due"),
        ("team_supervisors", "tom@example.org", "due"),
        ("location_supervisors", "lea@example.org", "due"),
        ("role:safety", "fallback@example.org", "due"),
        ("address", "desk@example.org", "due"),
        ("address", "MAX@example.org", "same_address"),
    ]


def test_a_role_may_be_that_of_the_holders_own_team():
    assert told(policy({"tell": [{"role": "safety", "within": "team"}]})) == [
        ("role:safety@team", "ida@example.org", "due")
    ]


def test_a_circle_without_anybody_who_can_be_reached_is_the_fallback_and_says_so():
    nobody = around(team_supervisors=(replace(TOM, active=False), holder()), managers_manager=None)
    decisions = decide(
        notice(),
        nobody,
        DEPLOYMENT,
        MORNING,
        policy=policy({"tell": ["team_supervisors", "managers_manager"]}),
    )
    assert [(each.role, each.detour) for each in decisions] == [
        (RecipientRole.FALLBACK, Detour.NOBODY_REACHED)
    ] * 2
    assert [each.reason for each in decisions] == [NotificationReason.DUE, NotificationReason.SAME_ADDRESS]


def test_what_went_to_the_fallback_stays_there_when_somebody_comes():
    rules = policy({"tell": ["team_supervisors"]})
    (decision,) = decide(
        notice(), around(), DEPLOYMENT, MORNING, policy=rules, standing=frozenset({"team_supervisors:"})
    )
    assert decision.role is RecipientRole.FALLBACK


ESCALATING = {
    "event": EXPIRING, "tell": ["holder"],
    "escalate": [{"after_days": 7, "tell": ["manager"]}, {"after_days": 14, "tell": ["managers_manager"]}],
}  # fmt: skip


def test_the_next_circles_are_told_so_many_days_after_the_step():
    first, second, third = decide(notice(), around(), DEPLOYMENT, MORNING, policy=policy(ESCALATING))
    assert (first.after_days, first.not_before) == (0, MORNING)
    # At eight in Berlin, 7 and 14 days after the day of the step.
    eight = MORNING - timedelta(hours=1)
    assert (second.after_days, second.not_before) == (7, eight + timedelta(days=7))
    assert (third.after_days, third.not_before) == (14, eight + timedelta(days=14))


def test_an_escalation_goes_on_when_the_next_step_comes_and_happens_once():
    overtaken = around(later_notice_at=notice().at + timedelta(days=1))
    assert [each[2] for each in told(policy(ESCALATING), known=overtaken)] == ["superseded", "due", "due"]
    escalated = around(escalated_to=frozenset({"manager:"}))
    assert [each[2] for each in told(policy(ESCALATING), known=escalated)] == ["due", "repeated", "due"]


@pytest.mark.parametrize(
    ("rules", "circles", "pointer", "sentence"),
    [
        (
            [{"tell": [{"circle": "a"}]}], {"a": [{"circle": "b"}], "b": [{"circle": "a"}]},
            "/circles/a/0", "a → b → a",
        ),
        ([{"tell": [{"circle": "a"}]}], {"a": [{"circle": "a"}]}, "/circles/a/0", "a → a"),
        ([{"tell": ["holder", {"circle": "x"}]}], {}, "/rules/0/tell/1", "no circle 'x'"),
        ([{"steps": [30], "tell": []}, {"steps": [30], "tell": ["holder"]}], {}, "/rules/1", "as rule 1"),
        (
            [{"tell": [], "escalate": [{"after_days": 7, "tell": []}, {"after_days": 7, "tell": []}]}],
            {}, "/rules/0/escalate", "later",
        ),
    ],
)  # fmt: skip
def test_a_policy_that_makes_no_sense_is_refused_where_it_does(rules, circles, pointer, sentence):
    with pytest.raises(Invalid, match=sentence) as refused:
        check_policy(policy(*rules, **circles))
    assert refused.value.pointer == pointer


def test_circles_may_share_members_however_often_they_are_named():
    deep = {f"c{n}": [{"circle": f"c{n + 1}"}] * 20 for n in range(30)} | {"c30": ["holder", "manager"]}
    rules = policy({"tell": [{"circle": "c0"}]}, **deep)
    check_policy(rules)
    assert [each[0] for each in told(rules)] == ["holder", "manager"]


def test_a_policy_is_written_as_it_was_read():
    document = {
        "rules": [
            {
                "event": EXPIRING, "steps": [90, 30], "type": ["forklift"], "team": ["east"],
                "location": ["ber"],
                "tell": ["holder", {"role": "safety", "within": "team"}, {"address": "x@y"}, {"circle": "a"}],
                "delivery": "copies", "escalate": [{"after_days": 3, "tell": ["manager"]}],
            }
        ],
        "circles": {"a": ["manager"]},
    }  # fmt: skip
    assert document_of(policy_of(document, 7)) == document


def test_the_manager_who_left_is_replaced_by_the_fallback_as_ever():
    assert told(policy({"tell": ["manager"]}), known=around(manager=manager(active=False))) == [
        ("manager", "fallback@example.org", "due")
    ]
