"""Keyset paging: a page begins after the last row of the one before."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json

from licet_chassis.http.problems import BadRequest

T = TypeVar("T")
R = TypeVar("R")
V = TypeVar("V")
K = TypeVar("K")

MOST = 500
DEFAULT = 50
_LONGEST_CURSOR = 2048
BOM_DESCRIPTION = "Whether CSV begins with a byte order mark, by which spreadsheets know UTF-8"


class Page(BaseModel, Generic[T]):
    """A page of a list; `next_cursor` leads to the next, and is null at the end."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page of a list the caller asks for."""

    limit: int = DEFAULT
    cursor: str | None = None
    bom: bool = False
    """Whether a list as CSV begins with a byte order mark."""

    def after(self, key: type[K]) -> K | None:
        """Return the key of the last row of the page before, `None` for the first page.

        `key` is the type that `cursor_of` made, such as `tuple[date, UUID]`. Raises the 400 for a
        cursor that is none of this list.
        """
        if self.cursor is None:
            return None
        try:
            document = urlsafe_b64decode(self.cursor + "=" * (-len(self.cursor) % 4))
            found: K = _reader(key).validate_json(document)  # type: ignore[arg-type]  # types are hashable
        except (ValueError, ValidationError):
            raise BadRequest(
                "The cursor is none of this list; take next_cursor from an answer as it is, or leave it out.",
                errors=[{"parameter": "cursor", "detail": "is no cursor of this list"}],
            ) from None
        return found


@lru_cache(maxsize=256)
def _reader(key: Any) -> TypeAdapter[Any]:
    return TypeAdapter(key)


async def _page_request(
    limit: Annotated[int, Query(ge=1, le=MOST, description="Most items to answer with")] = DEFAULT,
    cursor: Annotated[
        str | None, Query(max_length=_LONGEST_CURSOR, description="`next_cursor` of the page before")
    ] = None,
    bom: Annotated[bool, Query(description=BOM_DESCRIPTION)] = False,
) -> PageRequest:
    return PageRequest(limit, cursor, bom)


PageQuery = Annotated[PageRequest, Depends(_page_request)]
"""The query parameters `limit` (1 to 500, default 50), `cursor` and `bom`."""


def cursor_after(key: object) -> str:
    """Return the opaque cursor for the rows after the one with that sort key."""
    return urlsafe_b64encode(to_json(key)).rstrip(b"=").decode()


def page_of(
    rows: Sequence[R], limit: int, cursor_of: Callable[[R], object], view: Callable[[R], V]
) -> Page[V]:
    """Return the page that `rows` make, of which the caller has read one more than `limit`.

    `cursor_of` gives the sort key of a row, whole (with the id that makes it unique), as a tuple of
    what JSON can say: dates, instants, UUIDs, texts, numbers. `view` turns a row into what is shown.
    """
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(
        items=[view(row) for row in shown],
        next_cursor=cursor_after(cursor_of(shown[-1])) if more else None,
    )
