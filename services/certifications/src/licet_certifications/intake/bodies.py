"""Completions as callers send them, as JSON or as CSV."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError, WrapValidator

from licet_chassis.http.csv import restored
from licet_chassis.http.problems import Unprocessable, invalid_input
from licet_chassis.http.resources import Body
from licet_chassis.office.lines import DIGITS_LOST, is_scientific
from licet_chassis.office.tables import read_table
from licet_events.completions import CompletionRecorded, CompletionResult, Learner, LearnerAccount
from licet_events.event import Instant
from licet_events.forms import FORMS
from licet_events.sameness import normal

MOST = 1000
MOST_ROWS = 10_000
COLUMNS = {
    "source", "source_id", "external_id", "email", "account_home_page", "account_name", "holder_id", "course",
    "completed_at", "result", "credits", "evidence",
}  # fmt: skip
"""The columns that a CSV file may have, in any order."""
_REQUIRED = ("source", "source_id", "course", "completed_at", "result")
_LEARNER = ("external_id", "email", "account_name", "holder_id")

Text = Annotated[str, Field(min_length=1, max_length=2000)]


class AccountIn(Body):
    """An account in a learning system."""

    home_page: Text
    """The system's address, as xAPI's `account.homePage`."""
    name: Text


class LearnerIn(Body):
    """Whose completion it is: at least one of these, and all that are given lead to one holder."""

    external_id: Text | None = None
    email: Text | None = None
    account: AccountIn | None = None
    holder_id: UUID | None = None


class CompletionIn(Body):
    """A completion. `source` and `source_id` are its identity."""

    source: Text
    """The learning system, as the components of programmes name it."""
    source_id: Text
    """The completion's id there."""
    learner: LearnerIn
    course: Text
    """The course's id there."""
    completed_at: Instant
    """When it ended; for `withdrawn` when it was taken back."""
    result: CompletionResult
    credits: float | None = Field(default=None, ge=0, le=10_000)
    """What it earned; left out: what the component says."""
    evidence: list[Text] = Field(default=[], max_length=20)
    """Ids, addresses or hashes of what supports it."""

    def report(self) -> CompletionRecorded:
        """Return it as the contract has it."""
        learner = self.learner
        account = learner.account
        return CompletionRecorded(
            source=self.source,
            source_id=self.source_id,
            learner=Learner(
                external_id=learner.external_id,
                email=learner.email,
                account=LearnerAccount(home_page=account.home_page, name=account.name) if account else None,
                holder_id=learner.holder_id,
            ),
            course=self.course,
            completed_at=self.completed_at,
            result=self.result,
            credits=self.credits,
            evidence=tuple(self.evidence),
        )


@dataclass(frozen=True, slots=True)
class Malformed:
    """An item that is no completion; the others of its request are taken all the same."""

    detail: str


def _or_malformed(value: Any, validate: Callable[[Any], Any]) -> Any:
    if isinstance(value, Malformed):
        return value
    try:
        return validate(value)
    except ValidationError as error:
        failures = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        return Malformed(invalid_input(RequestValidationError(failures, body=value), None).detail)


Item = Annotated[CompletionIn, WrapValidator(_or_malformed)]


class CompletionsIn(Body):
    """Completions to take in; one that is malformed is answered in its place and keeps no other back."""

    completions: list[Item] = Field(min_length=1, max_length=MOST_ROWS)

    _file: bytes | None = PrivateAttr(None)
    """A CSV file that was sent instead; its encoding is told by the request."""

    @classmethod
    def of_file(cls, file: bytes) -> "CompletionsIn":
        """Return what a CSV file says, which is read by `items`."""
        given = cls.model_construct(completions=[])
        given._file = file
        return given

    def items(self, charset: str | None) -> Sequence[CompletionIn | Malformed]:
        """Return the completions, and what is none in its place.

        Raises `Invalid` and `Unprocessable` for a file that can't be read as a whole.
        """
        return self.completions if self._file is None else _read_file(self._file, charset)


def _from_csv(value: Any) -> Any:
    """Take the bytes of a CSV file for what JSON would have said; JSON is limited to fewer at once."""
    if isinstance(value, dict):
        completions = value.get("completions")
        if isinstance(completions, list) and len(completions) > MOST:
            raise Unprocessable(
                f"A request takes at most {MOST:,} completions; these are {len(completions):,}. "
                "Send several requests, or a file."
            )
        return value
    return CompletionsIn.of_file(value) if isinstance(value, bytes) else value


def _read_file(content: bytes, charset: str | None) -> list[CompletionIn | Malformed]:
    table = read_table(content, _unlike, charset)
    header = list(table.header)
    _check_header(header)
    if not table.rows:
        raise Unprocessable("The file has a header and no row.")
    if len(table.rows) > MOST_ROWS:
        raise Unprocessable(f"A file takes at most {MOST_ROWS:,} rows; split it.")
    return [_row(header, row) for row in table.rows]


def _unlike(names: Sequence[str]) -> int:
    """Return how many names a line has too many or lacks to be the header."""
    return len(set(names) - COLUMNS) + len(set(_REQUIRED) - set(names))


def _check_header(header: list[str]) -> None:
    unknown = sorted(set(header) - COLUMNS)
    if unknown:
        raise Unprocessable(
            f"The header has {', '.join(repr(name[:80]) for name in unknown[:5])}; the columns are "
            f"{', '.join(sorted(COLUMNS))}."
        )
    if len(set(header)) != len(header):
        raise Unprocessable("The header names a column twice.")
    missing = [name for name in _REQUIRED if name not in header]
    if missing or not any(name in header for name in _LEARNER):
        lacks = ", ".join(missing) or f"one of {', '.join(_LEARNER)}"
        raise Unprocessable(f"The header lacks a column: {lacks}.")


def _row(header: list[str], row: list[str]) -> CompletionIn | Malformed:
    if len(row) > len(header):
        return Malformed(f"This row has {len(row)} cells, the header {len(header)}.")
    texts = ((name, normal(restored(cell))) for name, cell in zip(header, row, strict=True))
    cells = {name: text for name, text in texts if text}
    for name, cell in cells.items():
        if is_scientific(cell):
            return Malformed(f"{name}: {DIGITS_LOST}")
    learner: dict[str, Any] = {
        name: cells.pop(name) for name in ("external_id", "email", "holder_id") if name in cells
    }
    account = {name: cells.pop(f"account_{name}", None) for name in ("home_page", "name")}
    if any(account.values()):
        learner["account"] = {name: text for name, text in account.items() if text}
    item: dict[str, Any] = {**cells, "learner": learner}
    if "evidence" in cells:
        item["evidence"] = cells["evidence"].split()
    if "credits" in cells:
        if not FORMS["float"].fits(cells["credits"]):
            return Malformed("credits: must be a number, such as 8 or 1.5")
        item["credits"] = float(cells["credits"])
    validated = _or_malformed(item, CompletionIn.model_validate)
    assert isinstance(validated, CompletionIn | Malformed)  # noqa: S101  # it returns nothing else
    return validated


Completions = Annotated[CompletionsIn, BeforeValidator(_from_csv)]
"""The body of a request: JSON, or the bytes of a CSV file."""
