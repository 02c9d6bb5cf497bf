"""What callers say of templates."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, field_validator

from licet_chassis.http.resources import Body
from licet_notifier.templates.checking import LONGEST
from licet_notifier.templates.languages import is_known_language
from licet_notifier.templates.model import CHANNEL, Conditions, Reading, StepRange, Variant, normal_language

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Step = Annotated[int, Field(ge=-3650, le=3650)]
_LONGEST_SENT = 2 * max(LONGEST.values())
"""So much is read at all; what is longer than a part may be is refused by name."""
Source = Annotated[str, StringConstraints(max_length=_LONGEST_SENT)]


class Steps(Body):
    """A range of reminder steps, both ends included: days before the end, negative after it."""

    from_: Step = Field(alias="from")
    to: Step


class VariantBody(Body):
    """One wording of an event's mail; what it is for is what it names, and anything else it leaves out."""

    # Blanks and line ends are part of a template.
    VERBATIM: ClassVar[frozenset[str]] = frozenset({"subject", "text", "html"})

    language: Annotated[str, StringConstraints(max_length=35)] | None = None
    """Such as `de` or `de-AT` (BCP 47); for every reader where left out."""
    recipient: Reading | None = None
    type: Code | None = None
    """The code of a credential type; of enrolments, of a programme."""
    steps: Steps | None = None
    channel: Annotated[str, StringConstraints(pattern=f"^{CHANNEL}$")] | None = None
    """Mails are the only channel with words of their own."""
    subject: Source
    text: Source
    html: Source

    @field_validator("language")
    @classmethod
    def _is_language(cls, language: str | None) -> str | None:
        if language is None:
            return None
        tag = normal_language(language)
        if not is_known_language(tag):
            raise ValueError(f"{language!r} is no language that dates and plurals can be written in")
        return tag

    def variant(self) -> Variant:
        """Return the variant."""
        steps = self.steps and StepRange(
            min(self.steps.from_, self.steps.to), max(self.steps.from_, self.steps.to)
        )
        conditions = Conditions(
            self.language, self.recipient, self.type, steps or None, CHANNEL if self.channel else None
        )
        return Variant(conditions, self.subject.rstrip("\n"), self.text, self.html)

    @classmethod
    def of(cls, variant: Variant) -> Self:
        """Return a variant as it is sent."""
        conditions = variant.conditions
        steps = conditions.steps and Steps(**{"from": conditions.steps.high, "to": conditions.steps.low})
        return cls(
            language=conditions.language,
            recipient=conditions.recipient,
            type=conditions.type,
            steps=steps or None,
            channel=conditions.channel,
            subject=variant.subject,
            text=variant.text,
            html=variant.html,
        )


Variants = Annotated[list[VariantBody], Field(max_length=200)]


class TemplateBody(Body):
    """The variants of your own that are to count for an event; none gives it back to the shipped ones."""

    variants: Variants
    note: Note | None = None
    dry_run: bool = False
    """Only check it."""


class RestoreBody(Body):
    """Which version is to count again."""

    version: Annotated[int, Field(ge=1)]
    note: Note | None = None
