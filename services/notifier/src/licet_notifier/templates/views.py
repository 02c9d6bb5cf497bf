"""What callers are shown of templates."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from licet_notifier.templates.checking import explained
from licet_notifier.templates.filters import FILTERS
from licet_notifier.templates.model import Reading, Variant
from licet_notifier.templates.names import ValueKind
from licet_notifier.templates.shipping import shipped_variants, shipped_version
from licet_notifier.templates.store import SavedVersion


class StepsView(BaseModel):
    """A range of steps."""

    from_: int = Field(serialization_alias="from")
    to: int


class VariantView(BaseModel):
    """One wording; what is null is anything."""

    label: str
    """Its name among the variants of the event."""
    language: str | None
    recipient: Reading | None
    type: str | None
    steps: StepsView | None
    channel: str | None
    subject: str
    text: str
    html: str

    @classmethod
    def of(cls, variant: Variant) -> Self:
        """Show a variant."""
        conditions = variant.conditions
        steps = conditions.steps and StepsView(from_=conditions.steps.high, to=conditions.steps.low)
        return cls(
            label=conditions.label,
            language=conditions.language,
            recipient=conditions.recipient,
            type=conditions.type,
            steps=steps or None,
            channel=conditions.channel,
            subject=variant.subject,
            text=variant.text,
            html=variant.html,
        )


class NameView(BaseModel):
    """A name that the templates of an event may use."""

    name: str
    kind: ValueKind
    holds: str
    optional: bool
    """Whether it may be empty."""


class FilterView(BaseModel):
    """A filter that templates may use."""

    name: str
    does: str


class TemplateView(BaseModel):
    """What counts for an event: your own variants, over the shipped ones."""

    event: str
    version: int
    """0: nothing was saved, and the shipped variants count."""
    variants: list[VariantView]
    author: str | None
    note: str | None
    restored_from: int | None
    created_at: datetime | None
    shipped_version: str
    shipped: list[VariantView]
    """What counts where none of your own fits."""
    names: list[NameView]
    filters: list[FilterView]

    @classmethod
    def of(cls, event: str, saved: SavedVersion | None) -> Self:
        """Show an event."""
        names = [
            NameView(name=each.name, kind=each.kind, holds=each.holds, optional=each.optional)
            for each in explained(event)
        ]
        return cls(
            event=event,
            **_head(saved),
            shipped_version=shipped_version(event),
            shipped=[VariantView.of(each) for each in shipped_variants(event)],
            names=names,
            filters=[
                FilterView(name=name, does=(each.__doc__ or "").splitlines()[0])
                for name, each in sorted(FILTERS.items())
            ],
        )


class TemplateVersionView(BaseModel):
    """A version of an event's template."""

    event: str
    version: int
    variants: list[VariantView]
    author: str | None
    note: str | None
    restored_from: int | None
    created_at: datetime | None

    @classmethod
    def of(cls, saved: SavedVersion) -> Self:
        """Show a version."""
        return cls(event=saved.template.event, **_head(saved))


class TemplateSummary(BaseModel):
    """An event with what counts for it."""

    event: str
    version: int
    variants: list[str]
    """The labels of your own variants."""
    shipped: list[str]
    author: str | None
    created_at: datetime | None

    @classmethod
    def of(cls, event: str, saved: SavedVersion | None) -> Self:
        """Show an event in a list."""
        return cls(
            event=event,
            version=saved.template.version if saved else 0,
            variants=[each.conditions.label for each in saved.template.variants] if saved else [],
            shipped=[each.conditions.label for each in shipped_variants(event)],
            author=saved.author if saved else None,
            created_at=saved.created_at if saved else None,
        )


class PartDifference(BaseModel):
    """A part of a variant that two versions do not share."""

    variant: str
    part: str
    diff: str
    """Unified, as `diff -u` writes it."""


class TemplateComparison(BaseModel):
    """What changed between two versions."""

    event: str
    from_version: int
    to_version: int
    changes: list[PartDifference]


def _head(saved: SavedVersion | None) -> dict[str, Any]:
    return {
        "version": saved.template.version if saved else 0,
        "variants": [VariantView.of(each) for each in saved.template.variants] if saved else [],
        "author": saved.author if saved else None,
        "note": saved.note if saved else None,
        "restored_from": saved.restored_from if saved else None,
        "created_at": saved.created_at if saved else None,
    }
