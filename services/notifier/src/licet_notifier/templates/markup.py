"""Checks the HTML of a mail: nothing that is run or sent, and a text for each picture. Pure."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

from licet_notifier.templates.names import ValueKind, names_of
from licet_notifier.templates.problems import Problem

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_MASK = "\ufffd"
_REFUSED: Final = frozenset(
    {
        "script", "iframe", "frame", "frameset", "object", "embed", "applet", "form", "input", "button",
        "select", "textarea", "base", "link", "svg", "math", "video", "audio", "template", "noscript",
    }
)  # fmt: skip
_URLS: Final = frozenset({"href", "src", "background", "action", "cite", "poster"})
_UNQUOTED = re.compile(f"=[^>]*{_MASK}")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_RUNNING_STYLE = re.compile(r"expression\s*\(|javascript:|@import|behavior\s*:", re.IGNORECASE)
_SAFE_URL = re.compile(r"(https?://|mailto:|tel:|cid:|#)", re.IGNORECASE)


def check_html(source: str) -> Iterator[Problem]:
    """Yield what a mail may not hold, with its place in the source."""
    masked = _JINJA.sub(lambda tag: "".join("\n" if each == "\n" else _MASK for each in tag[0]), source)
    checker = _Html(source, masked)
    checker.feed(masked)
    checker.close()
    yield from checker.problems


class _Html(HTMLParser):
    def __init__(self, source: str, masked: str) -> None:
        super().__init__(convert_charrefs=True)
        self._lines = source.splitlines(keepends=True)
        self._masked = masked
        self.problems: list[Problem] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if _MASK in tag or any(_MASK in name for name, _ in attrs):
            self._refuse(
                "Jinja2 may stand in the value of an attribute, not in the name of a tag or attribute"
            )
            return
        given = dict(attrs)
        if tag in _REFUSED or (tag == "meta" and "http-equiv" in given):
            self._refuse(f"<{tag}> is not allowed in a mail")
        if tag == "img" and given.get("alt") is None:
            self._refuse("<img> needs an alt text, empty for an ornament")
        if _UNQUOTED.search(_QUOTED.sub("", self.get_starttag_text() or "")):
            self._refuse("put quotes around the value of an attribute that holds Jinja2")
        for name, value in attrs:
            self._check_attribute(name, value or "")

    handle_startendtag = handle_starttag

    def _check_attribute(self, name: str, value: str) -> None:
        if name.startswith("on"):
            self._refuse(f"the attribute {name} runs a script, which no mail may")
        elif name in _URLS and not self._is_safe(value):
            self._refuse(
                f"{name} must begin with https:, http:, mailto:, tel:, cid: or #, or be a link of Licet"
            )
        elif name == "style" and _RUNNING_STYLE.search(value):
            self._refuse("this style runs or fetches something, which no mail may")

    def _is_safe(self, value: str) -> bool:
        value = value.strip()
        return bool(_SAFE_URL.match(value)) or (bool(value) and set(value) == {_MASK} and self._is_link())

    def _is_link(self) -> bool:
        line, column = self.getpos()
        rest = self._lines[line - 1][column:] + "".join(self._lines[line : line + 3])
        found = re.search(r"=\s*[\"']\s*\{\{\s*(\w+)\s*\}\}", rest)
        return found is not None and found[1] in _LINKS

    def _refuse(self, detail: str) -> None:
        line, column = self.getpos()
        self.problems.append(Problem("html", detail, line, column + 1))


_LINKS: Final = frozenset(
    name for name, each in names_of("credential.expiring").items() if each.kind is ValueKind.LINK
)
