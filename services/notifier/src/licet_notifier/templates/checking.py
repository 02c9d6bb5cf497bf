"""Checks templates before they are saved: syntax, names, filters, bounds, and what a mail may hold. Pure."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from jinja2 import TemplateSyntaxError, nodes

from licet_notifier.templates import languages
from licet_notifier.templates.filters import FILTERS
from licet_notifier.templates.markup import check_html
from licet_notifier.templates.model import Variant
from licet_notifier.templates.names import Name, ValueKind, names_of, sample_values
from licet_notifier.templates.problems import Problem
from licet_notifier.templates.rendering import HTML, PLAIN, Letter, TemplateFailed

LONGEST: Final = {"subject": 500, "text": 64 * 1024, "html": 256 * 1024}
"""Characters of the source of each part."""
_DEEPEST_LOOP: Final = 2
_OF_LOOP: Final = frozenset({"index", "index0", "first", "last", "length"})
_SIMPLE = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Const, nodes.Compare,
    nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub, nodes.Mul, nodes.FloorDiv, nodes.Mod,
    nodes.Neg, nodes.Pos, nodes.Concat, nodes.Keyword,
)  # fmt: skip
"""What needs no further look; everything else that Jinja2 knows is refused."""


def check_variant(event: str, variant: Variant, default_language: str) -> list[Problem]:
    """Return what is wrong with a variant; nothing, if it can be saved."""
    language = variant.conditions.language or default_language
    problems: list[Problem] = []
    for part, source in (("subject", variant.subject), ("text", variant.text), ("html", variant.html)):
        problems += _check_part(event, part, source, language)
    problems = problems or list(_try(event, variant, language))
    return problems or list(_check_subject(variant.subject))


def _check_part(event: str, part: str, source: str, language: str) -> list[Problem]:
    if len(source) > LONGEST[part]:
        return [Problem(part, f"it is longer than {LONGEST[part]} characters")]
    if not source.strip():
        return [Problem(part, "it is empty")]
    try:
        tree = (HTML if part == "html" else PLAIN).parse(source)
    except TemplateSyntaxError as error:
        column = _tag_column(source, error.lineno)
        return [Problem(part, f"{error.message or 'this is no Jinja2'}", error.lineno, column)]
    except (RecursionError, MemoryError):
        return [Problem(part, "its expressions are nested too deeply")]
    try:
        found = list(_Walk(event, part, source, language).visit(tree, frozenset(), 0))
    except RecursionError:
        return [Problem(part, "its expressions are nested too deeply")]
    return found or (list(check_html(source)) if part == "html" else [])


class _Walk:
    """Looks at every node of a template."""

    def __init__(self, event: str, part: str, source: str, language: str) -> None:
        self._event = event
        self._part = part
        self._source = source
        self._names = names_of(event)
        self._language = language
        self._has_sentences = languages.phrases_of(language) is not None

    def visit(self, node: nodes.Node, of_loops: frozenset[str], depth: int) -> Iterator[Problem]:
        """Yield what is wrong with a node and what it holds; `of_loops` are names that loops define."""
        match node:
            case nodes.For():
                yield from self._loop(node, of_loops, depth)
                return
            case nodes.Getattr():
                yield from self._part_of_loop(node, depth)
                return
            case nodes.Name():
                yield from self._name(node, of_loops)
            case nodes.Filter() | nodes.Test():
                yield from self._called(node)
            case _ if not isinstance(node, _SIMPLE):
                word = _WORDS.get(type(node).__name__, type(node).__name__)
                detail = f"{word} is not allowed in a template; use names, filters, if and for"
                yield self._at(node, word.split()[-1], detail)
                return
        for child in node.iter_child_nodes():
            yield from self.visit(child, of_loops, depth)

    def _called(self, node: nodes.Filter | nodes.Test) -> Iterator[Problem]:
        if isinstance(node, nodes.Test):
            if node.name not in PLAIN.tests:
                tests = ", ".join(sorted(PLAIN.tests))
                yield self._at(node, node.name, f"there is no test {node.name!r}; there are {tests}")
        elif node.name not in FILTERS:
            yield self._at(node, node.name, f"there is no filter {node.name!r}{_near(node.name, FILTERS)}")
        elif node.node is None:
            yield self._at(node, node.name, "blocks of filters are not allowed")

    def _part_of_loop(self, node: nodes.Getattr, depth: int) -> Iterator[Problem]:
        of_loop = isinstance(node.node, nodes.Name) and node.node.name == "loop" and depth > 0
        if not of_loop or node.attr not in _OF_LOOP:
            parts = ", ".join(sorted(_OF_LOOP))
            yield self._at(node, node.attr, f".{node.attr} is not allowed; only loop has parts: {parts}")

    def _loop(self, node: nodes.For, of_loops: frozenset[str], depth: int) -> Iterator[Problem]:
        if depth == _DEEPEST_LOOP:
            yield self._at(node, "for", f"loops may stand {_DEEPEST_LOOP} deep in one another, no deeper")
            return
        if node.recursive:
            yield self._at(node, "recursive", "a loop may not call itself")
        if not isinstance(node.target, nodes.Name):
            yield self._at(node, "for", "a loop is for one name, as in `for each in told`")
            return
        listed = node.iter
        known = isinstance(listed, nodes.Name) and listed.name in self._names
        if known and self._names[listed.name].kind is ValueKind.LIST:  # type: ignore[attr-defined]  # `known` says so
            yield from self.visit(listed, of_loops, depth)
        elif isinstance(listed, nodes.Name) and not known:
            yield from self._name(listed, of_loops)
        else:
            lists = ", ".join(
                sorted(name for name, each in self._names.items() if each.kind is ValueKind.LIST)
            )
            yield self._at(node, "for", f"a loop may only walk a list that the mail is given: {lists}")
        inside = of_loops | {node.target.name}
        for child in (*node.body, *node.else_, *((node.test,) if node.test else ())):
            yield from self.visit(child, inside, depth + 1)

    def _name(self, node: nodes.Name, of_loops: frozenset[str]) -> Iterator[Problem]:
        if node.ctx != "load":
            yield self._at(node, node.name, "a template may not set names")
        elif node.name not in of_loops and node.name not in self._names:
            yield self._at(node, node.name, f"there is no name {node.name!r}{_near(node.name, self._names)}")
        elif node.name in self._names and self._names[node.name].in_sentences and not self._has_sentences:
            shipped = ", ".join(languages.shipped_languages())
            yield self._at(
                node, node.name,
                f"{node.name} holds words of the shipped languages ({shipped}) and would mix them with "
                f"{self._language}; leave it out",
            )  # fmt: skip

    def _at(self, node: nodes.Node, word: str, detail: str) -> Problem:
        # What jinja2 adds by itself has no line; it is of the tag's.
        line = node.lineno or next((child.lineno for child in node.iter_child_nodes() if child.lineno), 1)
        return Problem(self._part, detail, line, _column(self._source, line, word))


_WORDS: Final = {
    "Assign": "set", "AssignBlock": "set", "Macro": "macro", "CallBlock": "call", "FilterBlock": "filter",
    "Include": "include", "Import": "import", "FromImport": "import", "Extends": "extends", "Block": "block",
    "With": "with", "ScopedEvalContextModifier": "autoescape", "Call": "a call", "Getitem": "[…]",
    "Scope": "autoescape", "Pow": "**", "Div": "/", "List": "a list", "Dict": "a dict", "Tuple": "a tuple",
    "Slice": "a slice",
}  # fmt: skip


def _near(word: str, known: object) -> str:
    names = sorted(known)  # type: ignore[call-overload]  # a mapping by name
    close = get_close_matches(word, names, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}"


def _column(source: str, line: int, word: str) -> int:
    """Return where a word first stands within a tag on a line, from 1."""
    text = _line(source, line)
    for tag in re.finditer(r"\{[{%](.*?)(?:[}%]\}|$)", text):
        found = re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", tag[1])
        if found:
            return tag.start(1) + found.start() + 1
    return max(text.find(word), 0) + 1


def _tag_column(source: str, line: int) -> int:
    found = re.search(r"\{[{%]", _line(source, line))
    return found.start() + 1 if found else 1


def _line(source: str, line: int) -> str:
    lines = source.splitlines()
    return lines[line - 1] if 0 < line <= len(lines) else ""


def _try(event: str, variant: Variant, language: str) -> Iterator[Problem]:
    """Render with made-up values: what fails there would fail in the mail loop."""
    letter = Letter(event, "draft", language, variant)
    for values in sample_values(event):
        try:
            content = letter.render(values)
        except TemplateFailed as error:
            yield Problem(error.part, f"it can't be rendered: {error.why}")
            return
        if not content.subject:
            yield Problem("subject", "it is empty with some values")
            return
        # A tag that is put together from pieces shows only when it is rendered.
        unsafe = next(check_html(content.html), None)
        if unsafe is not None:
            yield Problem("html", f"with made-up values, some of them empty, {unsafe.detail}")
            return


def _check_subject(source: str) -> Iterator[Problem]:
    for position, character in enumerate(source.strip("\n")):
        if not character.isprintable():
            line = source.count("\n", 0, position) + 1
            yield Problem(
                "subject", f"a subject is one line without control characters, not U+{ord(character):04X}",
                line, position + 1,
            )  # fmt: skip
            return
    if re.search(r"\\[nrtx]", source):
        yield Problem(
            "subject", r"a subject is one line; take the escape such as \n out", 1, source.find("\\") + 1
        )


def explained(event: str) -> list[Name]:
    """Return the names that an event's template may use, in order."""
    return sorted(names_of(event).values(), key=lambda each: each.name)
