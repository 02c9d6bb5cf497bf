"""HTTP for erasures: who is erased in this service, and erasing again after a restore."""

from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from licet_chassis.erasure import Erase, LeftToErase, erase_from_service, list_erased
from licet_chassis.http.auth import requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.requests import request_cause
from licet_chassis.http.resources import Body
from licet_chassis.http.serving import serving

HolderIds = Annotated[list[UUID], Field(min_length=1, max_length=1000)]


class ErasedHolder(BaseModel):
    """A holder that this service has erased: its bare id."""

    holder_id: UUID
    erased_at: datetime
    left: int
    """What is yet to be done: records that have to reach Kafka, objects to be removed. It is done at 0."""


class ErasuresAgain(Body):
    """Holders to be erased again, as after a restore of an older state."""

    holder_ids: HolderIds


class ErasedAgain(BaseModel):
    """What erasing again came to."""

    erased: int
    """How many of them the service did not have on its list."""


def erasures_router(erase: Erase | None, left: LeftToErase | None = None) -> APIRouter:
    """Return the routes of a service that erases on the word of the holders' owner.

    The owner itself gives no `erase`: it has a way of its own to erase again, which asks for more.
    """
    router = APIRouter(prefix="/v1/erasures", tags=["operations"])

    @router.get(
        "",
        response_model=Page[ErasedHolder],
        dependencies=[requires("operations:read", everyone=True)],
        responses=CSV_TOO,
    )
    async def erasures(request: Request, page: PageQuery) -> Response:
        """List the holders that are erased here, in the order of their ids."""

        async def read(asked: PageRequest) -> Page[ErasedHolder]:
            async with serving(request).database.reading() as conn:
                rows = await list_erased(conn, asked.after(UUID), asked.limit + 1)
                more = await left(conn, [row.holder_id for row in rows]) if left and rows else {}
            return page_of(
                rows,
                asked.limit,
                lambda row: row.holder_id,
                lambda row: ErasedHolder(
                    holder_id=row.holder_id,
                    erased_at=row.erased_at,
                    left=row.unpublished + more.get(row.holder_id, 0),
                ),
            )

        return await listed(request, page, read, ErasedHolder)

    if erase is not None:
        _add_erasing_again(router, erase)
    return router


def _add_erasing_again(router: APIRouter, erase: Erase) -> None:
    @router.post("", dependencies=[requires("operations:write", everyone=True)])
    async def erase_again(request: Request, order: ErasuresAgain) -> ErasedAgain:
        """Erase holders again, as after a restore of an older state. Safe to repeat."""
        running, cause = serving(request), request_cause(request)
        works = [
            partial(erase_from_service, holder_id=holder_id, erase=erase, now=running.clock.now())
            for holder_id in sorted(set(order.holder_ids))
        ]
        # One to a transaction: consumers and loops wait for each, and need not wait for all.
        return ErasedAgain(erased=sum([await running.database.run(cause, work) for work in works]))
