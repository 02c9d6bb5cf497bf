"""Writing many new credentials at once, by COPY: the same rows as `store.save` writes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import asyncpg

from licet_chassis.copying import Copying
from licet_credentials.credentials.model import Flag
from licet_credentials.credentials.rows import run_rows
from licet_credentials.credentials.store import (
    NumberTakenMeanwhile,
    PendingChange,
    credential_row,
    history_row,
)
from licet_credentials.credentials.terms import Term
from licet_credentials.rows import jsonb

_INFINITE = {
    "infinity": datetime.max.replace(tzinfo=UTC),
    "-infinity": datetime.min.replace(tzinfo=UTC),
}
"""Infinity, as asyncpg encodes it within COPY."""

_TERM = tuple(Term.__slots__)
_FLAG = tuple(Flag.__slots__)
_RUN = (
    "credential_id", "ordinal", "current_from", "current_until", "starts_at", "expiring_at", "expires_at",
    "expires_on", "term_id", "term_revision",
)  # fmt: skip
_HISTORY = (
    "credential_id", "holder_id", "type", "version", "event_type", "details", "reason", "note", "actor", "at",
)  # fmt: skip
_REGISTER = ("credential_id", "validity", "next_change_at", "verified_until")
_BESIDE = frozenset({"run_count", "next_change_at", "verified_until"})
"""Fields of `credential_row` that belong to other tables."""

_term, _flag = attrgetter(*_TERM), attrgetter(*_FLAG)


async def copy_new(copying: Copying, saved: Sequence[PendingChange], *, actor: str) -> None:
    """Write new credentials without images and checks by COPY, in a few round trips.

    Raises `NumberTakenMeanwhile` if another credential got the number at the same moment. The last rows may
    still be in flight when it returns.
    """
    if not saved:
        return
    credentials, register, runs = [], [], []
    for item in saved:
        credential = item.change.credential
        run_list = run_rows(credential)
        row = credential_row(credential, item.rules, len(run_list))
        row["attributes"] = jsonb(row["attributes"])
        credentials.append(row)
        register.append(
            (
                credential.id,
                credential.announced,
                _finite(row["next_change_at"]),
                _finite(row["verified_until"]),
            )
        )
        runs += [tuple([_finite(run.get(name)) for name in _RUN]) for run in run_list]
    columns = tuple(name for name in credentials[0] if name not in _BESIDE)
    await copying.take(
        "credentials", columns, [tuple([row[name] for name in columns]) for row in credentials]
    )
    history = []
    for item in saved:
        for event in item.change.events:
            line = history_row(event, actor, item.note)
            line["details"] = jsonb(line["details"])
            history.append(tuple([line[name] for name in _HISTORY]))
    terms, flags = [], []
    for item in saved:
        credential = item.change.credential
        belongs = (credential.id, credential.updated_at)
        terms += [(*_term(term), *belongs) for term in credential.terms]
        flags += [(*_flag(flag), *belongs) for flag in credential.flags]
    try:
        await copying.take("register", _REGISTER, register)
    except asyncpg.UniqueViolationError as error:  # raised by the COPY of credentials
        if error.constraint_name != "credentials_number_unique":
            raise
        raise NumberTakenMeanwhile(saved[0].change.credential.number or "", None) from error
    await copying.take("runs", _RUN, runs)
    await copying.take("flags", (*_FLAG, "credential_id", "known_from"), flags)
    await copying.take("credential_history", _HISTORY, history)
    # Terms last: they take longest, and the caller builds its events meanwhile.
    await copying.take("terms", (*_TERM, "credential_id", "known_from"), terms)


def _finite(value: Any) -> Any:
    return _INFINITE[value] if isinstance(value, str) else value
