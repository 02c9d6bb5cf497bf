"""The shipped templates: the parts of each event's mail, set into one layout for text and one for HTML.

What comes out is plain Jinja2, with nothing included, as an organisation exports and edits it.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Any, Final

from licet_notifier.facts.mails import EVENTS
from licet_notifier.templates import languages
from licet_notifier.templates.model import Conditions, Variant
from licet_notifier.templates.rendering import Letter

_FOLDER: Final = files(__package__) / "shipped"


@lru_cache(maxsize=len(EVENTS))
def shipped_variants(event: str) -> tuple[Variant, ...]:
    """Return the shipped variants of an event, one for each language."""
    parts = tomllib.loads((_FOLDER / f"{event}.toml").read_text("utf-8"))
    text, markup = (_layout(name) for name in ("layout.txt", "layout.html"))
    return tuple(
        Variant(
            Conditions(language=language),
            parts[language]["subject"],
            _text(text, language, parts[language]),
            _markup(markup, language, parts[language]),
        )
        for language in languages.shipped_languages()
    )


@lru_cache(maxsize=len(EVENTS))
def shipped_version(event: str) -> str:
    """Return the name of the shipped texts of an event; it changes whenever one of them does."""
    digest = hashlib.sha256()
    for variant in shipped_variants(event):
        for part in (variant.subject, variant.text, variant.html):
            digest.update(f"{part}\0".encode())
    return f"shipped-{digest.hexdigest()[:8]}"


@lru_cache(maxsize=256)
def shipped_letter(event: str, language: str) -> Letter:
    """Return a shipped variant, ready to be rendered."""
    variant = next(each for each in shipped_variants(event) if each.conditions.language == language)
    return Letter(event, shipped_version(event), language, variant)


@lru_cache(maxsize=2)
def _layout(name: str) -> Template:
    return Template((_FOLDER / name).read_text("utf-8"))


def _text(layout: Template, language: str, parts: Mapping[str, Any]) -> str:
    phrases = languages.phrases_of(language) or languages.english()
    rows = [_Row(row) for row in parts.get("rows", ())]
    labels = [row.label + phrases["colon"] for row in rows]
    width = max(map(len, labels), default=0) + 2
    facts = "".join(
        row.when(_line(f"{label:<{width}}{row.value}")) for label, row in zip(labels, rows, strict=True)
    )
    return layout.substitute(
        _of_mail(phrases),
        lead=_line(parts["lead"])[:-1],
        facts=f"{facts}\n" if facts else "",
        lists="".join(
            f"{{% if {each['name']} %}}\n{each['title']}\n{{% for item in {each['name']} %}}\n"
            "- {{ item }}\n{% endfor %}\n\n{% endif %}\n"
            for each in parts.get("lists", ())
        ),
        action=_line(parts["action"])[:-1],
    )


def _line(text: str) -> str:
    """Return a line with its end: Jinja2 swallows the one that follows a tag."""
    return f"{text}\n\n" if text.endswith("%}") else f"{text}\n"


def _markup(layout: Template, language: str, parts: Mapping[str, Any]) -> str:
    phrases = languages.phrases_of(language) or languages.english()
    row_layout, list_layout = (
        Template((_FOLDER / name).read_text("utf-8")) for name in ("row.html", "list.html")
    )
    rows = [_Row(row) for row in parts.get("rows", ())]
    return layout.substitute(
        _of_mail(phrases),
        language=language,
        subject=parts["subject"].strip(),
        lead=parts["lead"],
        facts="".join(row.when(row_layout.substitute(label=row.label, value=row.value)) for row in rows),
        lists="".join(list_layout.substitute(each) for each in parts.get("lists", ())),
        action=parts["action"],
    )


class _Row:
    """A fact with its label; the third part, where there is one, is the name without which it is left out."""

    def __init__(self, parts: list[str]) -> None:
        self.label, self.value, *condition = parts
        self._condition = condition[0] if condition else None

    def when(self, shown: str) -> str:
        return f"{{% if {self._condition} %}}\n{shown}{{% endif %}}\n" if self._condition else shown


def _of_mail(phrases: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({name: text for name, text in phrases.items() if name.startswith("mail_")})
