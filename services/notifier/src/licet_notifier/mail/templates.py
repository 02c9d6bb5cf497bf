"""The texts of mails: one directory per event with `subject.txt`, `body.txt` and `body.html`."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from licet_notifier.mail.message import Content

Value = str | int | tuple[str, ...] | None
"""What a template is given: nothing that has a way to anything else."""

DIRECTORY: Final = Path(__file__).parent / "templates"
MAX_CHARACTERS: Final = 64 * 1024
"""How long a rendered part may be."""


class TemplateFailed(Exception):
    """A template could not be rendered; the message says which and why, without what it was given."""


@dataclass(frozen=True, slots=True)
class MailTemplate:
    """The three texts of one event's mail."""

    name: str
    version: str
    """Changes whenever one of the texts does."""
    subject: Template
    text: Template
    html: Template

    def render(self, values: Mapping[str, Value]) -> Content:
        """Return the mail's content; raises `TemplateFailed`."""
        try:
            # A subject is one line, whatever the names in it hold.
            subject = " ".join(_capped(self.subject, values).split())
            return Content(subject, _capped(self.text, values), _capped(self.html, values))
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise TemplateFailed(f"the template {self.name} failed: {type(error).__name__}") from error


class _TooLong(TemplateError):
    """A rendered text is longer than a mail may be."""


def load_templates(directory: Path = DIRECTORY) -> Mapping[str, MailTemplate]:
    """Return all templates by the name of their event; raises `TemplateFailed` if one does not compile."""
    return {path.name: _load(path) for path in sorted(directory.iterdir()) if path.is_dir()}


def _load(path: Path) -> MailTemplate:
    sources = [(path / name).read_text("utf-8") for name in ("subject.txt", "body.txt", "body.html")]
    version = hashlib.sha256("\0".join(sources).encode()).hexdigest()[:12]
    plain, html = _environment(autoescape=False), _environment(autoescape=True)
    try:
        return MailTemplate(
            path.name,
            version,
            plain.from_string(sources[0]),
            plain.from_string(sources[1]),
            html.from_string(sources[2]),
        )
    except TemplateError as error:
        raise TemplateFailed(f"the template {path.name} does not compile: {error}") from error


def _environment(*, autoescape: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # What a template may call is what it was given and the filters; globals only add ways out.
    environment.globals.clear()
    return environment


def _capped(template: Template, values: Mapping[str, Value]) -> str:
    pieces = template.generate(values)
    text = ""
    # In batches: an endless template is stopped, and the check costs the others little.
    while handful := list(islice(pieces, 256)):
        text += "".join(handful)
        if len(text) > MAX_CHARACTERS:
            raise _TooLong(f"longer than {MAX_CHARACTERS} characters")
    return text
