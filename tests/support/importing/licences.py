"""Made-up business licences in the shape in which the City of Chicago publishes its own."""

import csv
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

_COLUMNS = (
    "ID", "LICENSE ID", "ACCOUNT NUMBER", "SITE NUMBER", "LEGAL NAME", "DOING BUSINESS AS NAME", "CITY",
    "STATE", "LICENSE CODE", "LICENSE DESCRIPTION", "LICENSE NUMBER", "APPLICATION TYPE",
    "LICENSE TERM START DATE", "LICENSE TERM EXPIRATION DATE", "DATE ISSUED", "LICENSE STATUS",
    "LICENSE STATUS CHANGE DATE", "LOCATION",
)  # fmt: skip
_KINDS = (("1010", "Limited Shop"), ("1006", "Food, Retail"), ("1473", "Liquor"))
_YEAR = timedelta(days=365)


@dataclass(frozen=True)
class LicenceRow:
    """A row: one term of one licence."""

    account: str
    name: str
    kind: tuple[str, str]
    number: str
    start: date | None
    end: date
    status: str = "AAI"
    since: date | None = None

    @property
    def key(self) -> str:
        """What names the row."""
        return f"{self.number}-{self.end:%Y%m%d}"


@dataclass(frozen=True)
class Licences:
    """Rows in no order, and what must come of them."""

    rows: list[LicenceRow]
    holders: int
    credentials: int
    validity: dict[str, int]
    """How many credentials are in which state."""

    def write(self, file: Path, rows: Iterable[LicenceRow] | None = None) -> Path:
        """Write them, or other rows, as a file."""
        with file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened)
            writer.writerow(_COLUMNS)
            writer.writerows(_cells(row) for row in (self.rows if rows is None else rows))
        return file


def made_up(prefix: str, *, holders: int, seed: int = 4711) -> Licences:
    """Return licences of that many businesses, some with several; `prefix` is in every number."""
    chance = random.Random(seed)
    rows: list[LicenceRow] = []
    validity = {"expired": 0, "surrendered": 0, "revoked": 0}
    number = 0
    for account in range(holders):
        for kind in chance.sample(_KINDS, chance.randint(1, len(_KINDS))):
            number += 1
            terms = _history(
                chance, f"{prefix}{number}", f"{prefix}-{account}", f"Made-Up {account}, Inc.", kind
            )
            status = chance.choices(["expired", "surrendered", "revoked"], [7, 2, 1])[0]
            validity[status] += 1
            if status != "expired":
                last = terms[-1]
                code = "AAC" if status == "surrendered" else "REV"
                terms[-1] = replace(last, status=code, since=last.end - timedelta(days=chance.randint(1, 90)))
            rows += terms
    chance.shuffle(rows)
    return Licences(rows, holders, number, validity)


def _history(
    chance: random.Random, number: str, account: str, name: str, kind: tuple[str, str]
) -> list[LicenceRow]:
    start = date(1997, 1, 1) + timedelta(days=chance.randint(0, 3000))
    terms = []
    for count in range(chance.randint(1, 6)):
        unknown = count == 0 and chance.random() < 0.1  # some first rows have no start
        terms.append(LicenceRow(account, name, kind, number, None if unknown else start, start + _YEAR))
        start += _YEAR + timedelta(days=1 if chance.random() < 0.8 else 200)  # a gap now and then
    return terms


def _cells(row: LicenceRow) -> list[str]:
    start = "" if row.start is None else f"{row.start:%m/%d/%Y}"
    since = "" if row.since is None else f"{row.since:%m/%d/%Y}"
    end = f"{row.end:%m/%d/%Y}"
    return [
        row.key, row.key.replace("-", ""), row.account, "1", row.name, row.name.upper(), "CHICAGO", "IL",
        *row.kind, row.number, "RENEW", start, end, start or end, row.status, since, "",
    ]  # fmt: skip
