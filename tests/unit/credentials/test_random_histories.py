"""Whatever is done with a credential, in any order and at any time, its events say what it is.

Real commands run on a store in memory. A reader who has nothing but the published events judges them: it
keeps the facts that the last state told, works validity out for itself, day by day, and so knows which
changes must be announced.
"""

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from licet_chassis.errors import NotFound, Refused
from licet_credentials.credentials import store
from licet_credentials.credentials.commands import correcting, flagging, renewing, settling, submitting
from licet_credentials.credentials.commands.correcting import RecordTerm
from licet_credentials.credentials.commands.flagging import FlagCredential
from licet_credentials.credentials.commands.renewing import RenewCredential
from licet_credentials.credentials.corrections import Correction
from licet_credentials.credentials.model import Credential, CredentialFacts
from licet_credentials.credentials.renewal import RenewalRequest
from licet_credentials.credentials.steps import new_credential
from licet_credentials.credentials.store import CredentialWithRules
from licet_credentials.holders import store as holder_store
from licet_credentials.types import store as type_store
from licet_events.credentials import (
    ChangeCause,
    CredentialMoved,
    CredentialState,
    CredentialStatusChanged,
    Expiry,
    FlagKind,
    Origin,
    Validity,
)
from unit.credentials.histories import HOLDER, NOW, rules, term

OTHER_HOLDER = UUID(int=2)
DAY = timedelta(days=1)
Command = Coroutine[Any, Any, Any]


# ── what the commands run on ──────────────────────────────────────────────────────────────────────


@dataclass
class Memory:
    """Where one credential is kept, and what was published of it."""

    credential: Credential
    types: dict[str, Any] = field(default_factory=dict)
    published: list[Any] = field(default_factory=list)
    now: datetime = NOW
    looks_at: datetime = NOW
    """The business time of the next command: later than now where the scheduler's clock is ahead."""

    @property
    def tx(self) -> Any:
        async def publish(*events: Any, now: datetime) -> None:
            self.published += events

        return SimpleNamespace(conn=self, cause=SimpleNamespace(actor="user:ada"), publish=publish)

    def carry_out(self, command: Command) -> list[Any] | None:
        """Run a command, none of which waits here; returns what it published, `None` if it was refused."""
        before = len(self.published)
        try:
            command.send(None)
        except StopIteration:
            pass
        except Refused:
            assert len(self.published) == before
            return None
        else:
            raise AssertionError("a command waited for something")
        return self.published[before:]


async def _lock_credential(memory: Memory, _id: UUID) -> CredentialWithRules:
    return CredentialWithRules(memory.credential, memory.types[memory.credential.type])


async def _save(memory: Memory, saved: Any, *, actor: str) -> None:
    memory.credential = saved[-1].change.credential


async def _number_is_free(_memory: Memory, _credential: Credential, _rules: Any) -> None:
    pass


async def _behind_type(
    memory: Memory, code: str, _version: int, _limit: int
) -> dict[UUID, CredentialWithRules]:
    return {memory.credential.id: CredentialWithRules(memory.credential, memory.types[code])}


async def _saved_with_the_credential(_memory: Memory, _terms: Any) -> None:
    """Do nothing: `save` keeps the whole credential, its terms included."""


async def _active_holder(_memory: Memory, holder_id: UUID) -> Any:
    return SimpleNamespace(id=holder_id, active=True, merged_into=None)


async def _type_called(memory: Memory, name: str) -> Any:
    if name not in memory.types:
        raise NotFound(name)
    return memory.types[name]


@pytest.fixture(scope="module", autouse=True)
def in_memory() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "lock_credential", _lock_credential)
        patch.setattr(store, "save", _save)
        patch.setattr(store, "require_number_free", _number_is_free)
        patch.setattr(store, "lock_outdated", _behind_type)
        patch.setattr(store, "move_terms", _saved_with_the_credential)
        patch.setattr(holder_store, "lock_holder", _active_holder)
        patch.setattr(type_store, "hold_type", _type_called)
        yield


# ── what may happen ───────────────────────────────────────────────────────────────────────────────

Numbers = tuple[int, int, int]
"""Whatever a command needs to be told, between 0 and 99 each."""


def wait(memory: Memory, n: Numbers) -> None:
    memory.now += timedelta(days=n[0], hours=n[1] % 24)


def settle(memory: Memory, n: Numbers) -> Command:
    memory.looks_at = memory.now + (timedelta(hours=n[0]) if n[1] % 3 == 0 else timedelta())
    return settling.settle_credential(memory.tx, memory.credential.id, now=memory.looks_at)


def renew(memory: Memory, n: Numbers) -> Command:
    last = memory.credential.last_term.expires_on or memory.now.date()
    # Often just before, at, or just after the day at which it touches the last term.
    start = last + (n[2] % 4 if n[2] < 50 else n[0] - 30) * DAY
    asked = RenewalRequest(
        valid_from=start, expires_on=start + (n[1] * 5) * DAY, force=True, reason="because"
    )
    return renewing.renew_credential(
        memory.tx, memory.credential.id, RenewCredential(asked), expected_version=None, now=memory.now
    )


def _correct(memory: Memory, **said: Any) -> Command:
    return correcting.correct_credential(
        memory.tx, memory.credential.id, Correction("misread", **said), now=memory.now
    )


def correct_term(memory: Memory, n: Numbers) -> Command:
    terms = memory.credential.terms
    which = terms[n[0] % len(terms)]
    end = which.expires_on or memory.now.date()
    said: list[dict[str, Any]] = [
        {"expires_on": end + (n[1] - 50) * DAY},
        {"valid_from": which.first_day + (n[1] - 50) * DAY},
        {"expiry": Expiry.NEVER},
        {"expiry": Expiry.UNKNOWN},
    ]
    return _correct(memory, term_id=which.id, term=said[(n[2] // 2) % 4 if n[2] > 90 else n[2] % 2])


def withdraw_term(memory: Memory, n: Numbers) -> Command:
    terms = memory.credential.terms
    which = terms[-1] if n[1] % 2 else terms[n[0] % len(terms)]
    return _correct(memory, term_id=which.id, withdraw_term=True)


def correct_flag(memory: Memory, n: Numbers) -> Command:
    flags = memory.credential.flags
    flag_id = flags[n[0] % len(flags)].id if flags else UUID(int=0)
    if n[1] % 2:
        return _correct(memory, flag_id=flag_id, undo_flag=True)
    return _correct(memory, flag_id=flag_id, flag={"effective_from": memory.now + (n[2] - 50) * DAY})


def move(memory: Memory, _n: Numbers) -> Command:
    to = OTHER_HOLDER if memory.credential.holder_id == HOLDER else HOLDER
    return correcting.move_credential(memory.tx, memory.credential.id, to, "wrong_holder", now=memory.now)


def retype(memory: Memory, n: Numbers) -> Command:
    return _correct(memory, type=sorted(memory.types)[n[0] % len(memory.types)])


def add_term(memory: Memory, n: Numbers) -> Command:
    start = memory.credential.terms[0].first_day - n[0] * 3 * DAY
    said = RecordTerm("found", valid_from=start, expires_on=start + n[1] * 2 * DAY)
    return correcting.record_missing_term(memory.tx, memory.credential.id, said, now=memory.now)


def _flag(memory: Memory, kind: FlagKind, n: Numbers) -> Command:
    since = memory.now + (n[0] - 50) * DAY if n[2] % 2 else None
    until = (since or memory.now) + n[1] * DAY if kind is FlagKind.SUSPENDED and n[2] % 3 else None
    said = FlagCredential(kind, f"{kind.value}_{n[0]}", effective_from=since, until=until)
    return flagging.flag_credential(
        memory.tx, memory.credential.id, said, expected_version=None, now=memory.now
    )


def suspend(memory: Memory, n: Numbers) -> Command:
    return _flag(memory, FlagKind.SUSPENDED, n)


def end_for_good(memory: Memory, n: Numbers) -> Command:
    return _flag(memory, FlagKind.REVOKED if n[1] % 2 else FlagKind.SURRENDERED, n)


def reinstate(memory: Memory, _n: Numbers) -> Command:
    return flagging.reinstate_credential(
        memory.tx, memory.credential.id, "paid", None, expected_version=None, now=memory.now
    )


def void(memory: Memory, n: Numbers) -> Command | None:
    if n[0] < 80:  # else hardly any history would be longer
        return None
    return correcting.void_credential(
        memory.tx, memory.credential.id, "duplicate", None, expected_version=None, now=memory.now
    )


def replan(memory: Memory, n: Numbers) -> Command:
    code = memory.credential.type
    present = memory.types[code]
    memory.types[code] = replace(present, version=present.version + 1, ladder=(n[0], 0, -7))
    return settling.replan_credentials(memory.tx, code, present.version + 1, now=memory.now, limit=10)


def submit(memory: Memory, n: Numbers) -> Command:
    until = memory.now + (n[0] + 1) * DAY
    return submitting.submit_renewal(
        memory.tx, memory.credential.id, until, None, expected_version=None, now=memory.now
    )


def end_submission(memory: Memory, _n: Numbers) -> Command:
    return submitting.end_submission(
        memory.tx, memory.credential.id, "returned", None, expected_version=None, now=memory.now
    )


HAPPENINGS: tuple[Callable[[Memory, Numbers], Command | None], ...] = (
    wait, settle, renew, correct_term, withdraw_term, correct_flag, move, retype, add_term, suspend,
    end_for_good, reinstate, void, replan, submit, end_submission,
)  # fmt: skip


# ── who judges ────────────────────────────────────────────────────────────────────────────────────


def validity_of(state: CredentialState, at: datetime) -> Validity:
    """Work out validity from the facts of a state, by the days in UTC, where all terms here lie."""
    for kind in (FlagKind.REVOKED, FlagKind.SURRENDERED, FlagKind.SUSPENDED):
        for flag in state.flags:
            if flag.kind is kind and flag.effective_from <= at and (flag.until is None or at < flag.until):
                return Validity(kind.value)
    today = at.date().toordinal()
    spans = sorted((_span(each) for each in state.terms), key=lambda span: (span[0], span[1] or _NEVER))
    if spans[-1][1] is None:
        return Validity.INCOMPLETE
    known = [(first, last) for first, last in spans if last is not None]
    began = [first for first, _ in known if first <= today]
    if not began:
        return Validity.PENDING
    # From the last term that has begun, day by day as far as one term or the next goes on.
    end = max(last for first, last in known if first <= today)
    while (further := max((last for first, last in known if first <= end + 1), default=end)) > end:
        end = further
    if today > end:
        return Validity.EXPIRED
    if end < _NEVER and any(today >= end - step for step in _told_steps(state, end)):
        return Validity.EXPIRING
    return Validity.ACTIVE


def _told_steps(state: CredentialState, end: int) -> list[int]:
    """Return the steps before the end that lie after the first tenth of the term which ends then."""
    ending = min(
        (each for each in state.terms if _span(each)[1] == end),
        key=lambda each: (_span(each)[0], each.recorded_at, each.id),
    )
    start = None if ending.valid_from is None else ending.valid_from.toordinal()
    return [
        step
        for step in state.ladder
        if step > 0 and (start is None or (end - step - start) * 10 >= end - start + 1)
    ]


_NEVER = date.max.toordinal()


def _span(term: Any) -> tuple[int, Any]:
    """First and last day of a term; no last one where its expiry is unknown."""
    first = term.starts_at.date().toordinal()
    if term.expiry is Expiry.UNKNOWN:
        return first, None
    return first, _NEVER if term.expires_on is None else term.expires_on.toordinal()


def changes_between(state: CredentialState, after: datetime, until: datetime) -> list[Any]:
    """Look at every midnight, and at each instant of a flag: what time brings in (after, until]."""
    looks = {flag.effective_from for flag in state.flags} | {flag.until for flag in state.flags if flag.until}
    midnight = datetime.combine(after.date(), time(), UTC)
    while midnight <= until:
        looks.add(midnight)
        midnight += DAY
    found, current = [], state.validity
    for at in sorted(at for at in looks if after < at <= until):
        if (following := validity_of(state, at)) is not current:
            found.append((current, following, at))
            current = following
    return found


def told(event: Any) -> Any:
    return (event.from_, event.to, event.effective_at)


@dataclass
class Reader:
    """What a reader of the events knows, and what it must hear next."""

    state: CredentialState
    heard_until: datetime

    def judge(self, events: list[Any], now: datetime) -> None:
        """Check everything that one command or one look published."""
        ended = [event for event in events if isinstance(event, CredentialMoved)]
        states = [event for event in events if not isinstance(event, CredentialMoved)]
        self._versions(states)
        until = max(now, self.heard_until)
        expected = [] if self.state.voided else changes_between(self.state, self.heard_until, until)
        first, rest = states[: len(expected)], states[len(expected) :]
        assert [told(event) for event in first] == expected
        assert all(event.cause is ChangeCause.AUTOMATIC for event in first)
        before = self.state
        for event in first:
            assert event.credential.holder_id == before.holder_id
        if not events:  # then nothing was kept, and the next look goes back as far
            return
        announced = [event for event in rest if isinstance(event, CredentialStatusChanged)]
        last = states[-1].credential
        was = first[-1].credential.validity if first else before.validity
        present = validity_of(last, until)
        if last.voided or was is present:
            assert announced == []
        else:
            [manual] = announced
            assert told(manual) == (was, present, until)
            assert manual is rest[-1]
            assert last.validity is present
        moved = last.holder_id != before.holder_id
        assert [event.key for event in ended] == [f"{before.holder_id}/{before.id}"] * moved
        assert events[len(states) :] == ended
        self.state, self.heard_until = last, until

    def _versions(self, states: list[Any]) -> None:
        versions = [event.credential.version for event in states]
        start = self.state.version + 1
        assert versions == list(range(start, start + len(versions)))


HISTORIES = st.lists(
    st.tuples(st.sampled_from(HAPPENINGS), st.tuples(*(st.integers(0, 99),) * 3)), min_size=1, max_size=25
)
LADDERS = st.sampled_from([(90, 30, 0, -7), (400,), (-7,), ()])


@settings(max_examples=150, deadline=None)
@given(HISTORIES, LADDERS)
@example([(renew, (0, 20, 2))], (90, 0))  # a gap of one day, which chance seldom finds
@example([(wait, (31, 0, 0)), (void, (80, 0, 0)), (replan, (0, 0, 0))], (90, 30, 0, -7))
def test_events_announce_each_change_once_in_order_and_nothing_else(
    history: list[Any], ladder: tuple[int, ...]
) -> None:
    licence = rules(ladder=ladder)
    permit = rules(code="permit", name="Permit", ladder=(120, 0), grace_days=7)
    term_of_2026 = term(date(2026, 1, 1), date(2026, 6, 30))
    created = new_credential(CredentialFacts(holder_id=HOLDER), licence, (term_of_2026,), (), Origin.API, NOW)
    memory = Memory(created.credential, {"licence": licence, "permit": permit})
    reader = Reader(created.events[0].credential, NOW)
    for happening, numbers in [*history, (look_far_ahead, (0, 0, 0))]:
        memory.looks_at = memory.now
        command = happening(memory, numbers)
        events = None if command is None else memory.carry_out(command)
        if events is not None:
            reader.judge(events, memory.looks_at)


def look_far_ahead(memory: Memory, _n: Numbers) -> Command:
    memory.looks_at = memory.now + 1000 * DAY
    return settling.settle_credential(memory.tx, memory.credential.id, now=memory.looks_at)
