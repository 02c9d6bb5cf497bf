"""All templates of a deployment, and the letter that a reader gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from licet_notifier.templates.model import (
    FALLBACK_LANGUAGE,
    Choice,
    Reader,
    Reading,
    TemplateVersion,
    choose,
)
from licet_notifier.templates.rendering import Letter, TemplateFailed
from licet_notifier.templates.shipping import shipped_letter, shipped_variants


def shipped_instead(letter: Letter) -> Letter:
    """Return the shipped letter in place of one of an organisation's own, in its language or in English."""
    reader = Reader(Reading.HOLDER, locale=letter.language)
    choice = choose((), shipped_variants(letter.event), reader, FALLBACK_LANGUAGE)
    return shipped_letter(letter.event, choice.language if choice else FALLBACK_LANGUAGE)


@dataclass(frozen=True)
class Catalogue:
    """What an organisation has saved, over what is shipped. Keeps what it has compiled."""

    default_language: str
    saved: Mapping[str, TemplateVersion] = field(default_factory=dict)
    """The newest version of each event that has one."""
    _letters: dict[tuple[str, str], Letter] = field(default_factory=dict, repr=False)

    def choose(self, event: str, reader: Reader) -> tuple[Letter, Choice]:
        """Return the letter for a reader and why it is this one; raises `TemplateFailed` for no event."""
        own = self.saved.get(event)
        choice = choose(own.variants if own else (), shipped_variants(event), reader, self.default_language)
        if choice is None:
            raise TemplateFailed(f"no template of {event} fits, not even a shipped one")
        return self._letter(event, choice), choice

    def every(self, event: str) -> list[tuple[Letter, Choice]]:
        """Return the letter of every variant of an event, your own first."""
        own = self.saved.get(event)
        found = []
        for variants, saved in ((own.variants if own else (), True), (shipped_variants(event), False)):
            for variant in variants:
                language = variant.conditions.language or self.default_language
                choice = Choice(variant, saved, language, ("every variant was asked for",))
                found.append((self._letter(event, choice), choice))
        return found

    def _letter(self, event: str, choice: Choice) -> Letter:
        if not choice.saved:
            return shipped_letter(event, choice.language)
        key = (event, choice.variant.conditions.label)
        if key not in self._letters:
            version = str(self.saved[event].version)
            self._letters[key] = Letter(event, version, choice.language, choice.variant)
        return self._letters[key]
