"""Training sessions, prices and demand as they come in and are shown."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator

from licet_certifications.codes import Code
from licet_certifications.training.model import Cost, Line, Money, Need, Price, Session
from licet_chassis.http.resources import Body
from licet_events.event import Instant

Amount = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Seats = Annotated[int, Field(ge=0, le=1_000_000)]


class SessionBody(Body):
    """An occasion on which a component is taught."""

    programme: Code
    component: Code
    location: Code
    start: Instant
    seats: Seats
    booked: Seats = 0
    price: Amount | None = None
    """Of one seat; that of the component where it is left out."""
    currency: Currency | None = None

    @model_validator(mode="after")
    def _has_a_whole_price(self) -> Self:
        if (self.price is None) != (self.currency is None):
            raise ValueError("needs price and currency together, or neither")
        return self

    @property
    def money(self) -> Money | None:
        """The price as the model has it."""
        return None if self.price is None or self.currency is None else Money(self.price, self.currency)


class SessionView(BaseModel):
    """A training session."""

    external_id: str
    version: int
    programme: str
    component: str
    location: str
    start: Instant
    seats: int
    booked: int
    price: Decimal | None
    currency: str | None
    updated_at: Instant

    @classmethod
    def of(cls, session: Session) -> Self:
        """Show a session."""
        return cls(
            external_id=session.external_id,
            version=session.version,
            programme=session.programme,
            component=session.component,
            location=session.location,
            start=session.starts_at,
            seats=session.seats,
            booked=session.booked,
            price=None if session.price is None else session.price.amount,
            currency=None if session.price is None else session.price.currency,
            updated_at=session.updated_at,
        )


class PriceBody(Body):
    """What a seat costs in a session that does not say."""

    price: Amount
    currency: Currency


class PriceView(BaseModel):
    """What a seat costs."""

    programme: str
    component: str
    version: int
    price: Decimal
    currency: str
    updated_at: Instant

    @classmethod
    def of(cls, price: Price) -> Self:
        """Show a price."""
        return cls(
            programme=price.programme,
            component=price.component,
            version=price.version,
            price=price.price.amount,
            currency=price.price.currency,
            updated_at=price.updated_at,
        )


class DemandView(BaseModel):
    """The seats of one component that are due at a location in one week."""

    programme: str
    component: str
    location: str | None
    """The holders'."""
    week: date
    """Its first day. The first week has also those who are without already."""
    needed: int
    served: int
    """How many get a free seat in a session at the location that begins in time, the earliest due first."""
    shortage: int

    @classmethod
    def of(cls, line: Line) -> Self:
        """Show a line."""
        return cls(
            programme=line.programme,
            component=line.component,
            location=line.location,
            week=line.week,
            needed=line.needed,
            served=line.served,
            shortage=line.shortage,
        )


class CostView(BaseModel):
    """What the seats at a location cost in one month."""

    location: str | None
    month: str
    """`YYYY-MM`, when the session begins; of a seat that is lacking, when it is due."""
    currency: str | None
    """Null for seats of which nobody has said the price."""
    seats: int
    amount: Decimal

    @classmethod
    def of(cls, cost: Cost) -> Self:
        """Show a sum."""
        return cls(
            location=cost.location,
            month=cost.month,
            currency=cost.currency,
            seats=cost.seats,
            amount=cost.amount,
        )


class NeedView(BaseModel):
    """A seat that a holder needs, and the last session that still helps."""

    holder_id: UUID
    team: str | None
    location: str | None
    programme: str
    component: str
    by: Instant | None
    """When eligibility ends; null where there is none already."""
    start_by: Instant | None
    """The latest start that leaves the component's usual days."""
    latest_session: str | None
    """The last session within the window, with a free seat at the holder's location, that begins in time."""
    latest_session_start: Instant | None

    @classmethod
    def of(cls, need: Need, latest: Session | None) -> Self:
        """Show a need."""
        return cls(
            holder_id=need.holder_id,
            team=need.team,
            location=need.location,
            programme=need.programme,
            component=need.component,
            by=need.by,
            start_by=need.start_by,
            latest_session=None if latest is None else latest.external_id,
            latest_session_start=None if latest is None else latest.starts_at,
        )
