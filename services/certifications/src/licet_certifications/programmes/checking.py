"""What makes no sense in a definition: pure, and each fault with a pointer to the field that is wrong."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from licet_certifications.documents.templates import TEMPLATES
from licet_certifications.facts.model import TypeFacts
from licet_certifications.programmes.model import (
    CompletionRule,
    Component,
    Definition,
    EntryRules,
    counted_credits,
)
from licet_chassis.errors import Invalid


def require_sense(definition: Definition, *, programme: str) -> None:
    """Raise `Invalid` for the first fault that lies in a definition itself."""
    for fault in _faults(definition, programme):
        raise fault


def require_type(
    name: str | None, found: TypeFacts | None, *, known: bool = True, recertifies: bool = False
) -> None:
    """Raise `Invalid` unless a programme can issue the type of that name; `found` is what is known of it.

    Unless it has to be `known`, a type that nobody has told of yet passes: the catalogue arrives as events,
    and a draft may come first.
    """
    at = "/credential_type"
    if name is None or (found is None and not known):
        return
    if found is None:
        raise Invalid(
            f"There is no credential type {name} here; define it first, or try again in a moment if it was "
            "defined just now.",
            pointer=at,
        )
    if found.code != name:
        raise Invalid(f"{name} is an alias of the credential type {found.code}; name that.", pointer=at)
    if found.retired:
        raise Invalid(
            f"The credential type {name} is retired, so it can't be issued; name another.", pointer=at
        )
    if recertifies and not found.expires:
        raise Invalid(
            f"Credentials of the type {name} never expire, so there is nothing to recertify; leave "
            "recertification out.",
            pointer="/recertification",
        )


def require_a_way_in(programme: str, needs: Mapping[str, Sequence[str]]) -> None:
    """Raise `Invalid` where programmes that are required first lead back to `programme` itself."""
    circle = _circle(needs)
    if circle is not None and programme in circle:
        raise Invalid(
            f"Programmes that are required first go in a circle, so nobody could ever enter one of them: "
            f"{' → '.join(circle)}.",
            pointer="/entry/required_programmes",
        )


def _faults(definition: Definition, programme: str) -> Iterator[Invalid]:
    yield from _path_faults(definition.components, definition.completion, "")
    yield from _entry_faults(definition.entry, programme)
    if definition.certificate is not None and definition.certificate not in TEMPLATES:
        yield Invalid(
            f"There is no template of a certificate {definition.certificate}; there are "
            f"{' and '.join(TEMPLATES)}.",
            pointer="/certificate",
        )
    renewal = definition.recertification
    if renewal is None:
        return
    if definition.credential_type is None:
        yield Invalid(
            "A recertification renews a credential, and this version issues none; name a credential_type or "
            "leave recertification out.",
            pointer="/recertification",
        )
    components, rule = definition.path(recertification=True)
    if (components, rule) != (definition.components, definition.completion):
        # What the recertification takes over from the first path is judged where it is meant to be met.
        yield from _path_faults(components, rule, "/recertification")


def _path_faults(components: Sequence[Component], rule: CompletionRule, under: str) -> Iterator[Invalid]:
    at = f"{under}/components"
    if not components:
        yield Invalid("A version needs at least one component.", pointer=at)
    codes = [component.code for component in components]
    yield from _repeated([code.lower() for code in codes], codes, at, "code", "code of two components")
    yield from _repeated_sources(components, at)
    known = set(codes)
    for number, component in enumerate(components):
        yield from _unknown(component.prerequisites, known, f"{at}/{number}/prerequisites")
    circle = _circle({component.code: component.prerequisites for component in components})
    if circle is not None:
        yield Invalid(
            f"Prerequisites go in a circle, so none of these can ever count: {' → '.join(circle)}. "
            "Leave one of them out.",
            pointer=f"{at}/{codes.index(circle[0])}/prerequisites",
        )
    yield from _rule_faults(components, rule, under)


def _repeated_sources(components: Sequence[Component], at: str) -> Iterator[Invalid]:
    owners: dict[tuple[str, str], str] = {}
    for number, component in enumerate(components):
        for place, source in enumerate(component.sources):
            owner = owners.setdefault((source.source, source.id), component.code)
            if owner != component.code or component.sources.index(source) != place:
                yield Invalid(
                    f"{source.id} of {source.source} stands for {owner} already; a course counts for one "
                    "component of a version.",
                    pointer=f"{at}/{number}/sources/{place}",
                )


def _rule_faults(components: Sequence[Component], rule: CompletionRule, under: str) -> Iterator[Invalid]:
    at = f"{under}/completion"
    known = {component.code for component in components}
    if (
        not any(component.required for component in components)
        and not rule.groups
        and not any(credit.minimum > 0 for credit in rule.credits)
    ):
        yield Invalid(
            "Nothing would have to be done: no component is required, and there is neither a group nor a "
            "minimum of credits.",
            pointer=f"{under}/components",
        )
    names = [group.name for group in rule.groups]
    yield from _repeated(names, names, f"{at}/groups", "name", "name of two groups")
    for number, group in enumerate(rule.groups):
        yield from _unknown(group.components, known, f"{at}/groups/{number}/components")
        yield from _repeated(
            group.components, group.components, f"{at}/groups/{number}/components", "", "named twice"
        )
        if not 1 <= group.k <= len(group.components):
            yield Invalid(
                f"k must be from 1 to {len(group.components)}, the number of components in the group; it is "
                f"{group.k}.",
                pointer=f"{at}/groups/{number}/k",
            )
    yield from _credit_faults(components, rule, at)


def _credit_faults(components: Sequence[Component], rule: CompletionRule, at: str) -> Iterator[Invalid]:
    offered: dict[str | None, float] = defaultdict(float)
    for component in components:
        offered[component.category] += component.credits
    categories = [credit.category for credit in rule.credits]
    yield from _repeated(categories, categories, f"{at}/credits", "category", "category of two rules")
    for number, credit in enumerate(rule.credits):
        place = f"{at}/credits/{number}"
        if credit.category is None and credit.cap is not None:
            yield Invalid(
                "A cap limits what a category adds to the total; name a category or leave cap out.",
                pointer=f"{place}/cap",
            )
        most = (
            counted_credits(rule.credits, offered)
            if credit.category is None
            else round(offered[credit.category], 2)
        )
        if credit.minimum > most:
            of = "of all categories with their caps" if credit.category is None else f"in {credit.category}"
            yield Invalid(
                f"{credit.minimum:g} credits can't be reached: all components together give {most:g} {of}.",
                pointer=f"{place}/minimum",
            )


def _entry_faults(entry: EntryRules, programme: str) -> Iterator[Invalid]:
    for number, code in enumerate(entry.required_programmes):
        if code == programme:
            yield Invalid(
                f"{programme} can't be required before itself: nobody could ever enter.",
                pointer=f"/entry/required_programmes/{number}",
            )
    for name in ("roles", "queues", "credential_types", "required_programmes", "required_credentials"):
        codes = getattr(entry, name)
        yield from _repeated(codes, codes, f"/entry/{name}", "", "named twice")


def _repeated(
    keys: Sequence[str | None], shown: Sequence[str | None], at: str, field: str, wrong: str
) -> Iterator[Invalid]:
    for number, key in enumerate(keys):
        if key in keys[:number]:
            told = "the total" if shown[number] is None else shown[number]
            yield Invalid(
                f"{told} is {wrong}; once is enough.",
                pointer=f"{at}/{number}" + (f"/{field}" if field else ""),
            )


def _unknown(codes: Iterable[str], known: set[str], at: str) -> Iterator[Invalid]:
    for number, code in enumerate(codes):
        if code not in known:
            yield Invalid(
                f"{code} is no component of this version; add it, or take it out here.",
                pointer=f"{at}/{number}",
            )


def _circle(needs: Mapping[str, Sequence[str]]) -> list[str] | None:
    """Return a circle of needs from its first member back to it; `None` where there is none."""
    cleared: set[str] = set()
    for start in needs:
        # Depth first without recursion: a chain may be as long as there are components.
        path: list[str] = [start]
        left = [iter(needs[start])]
        while path and start not in cleared:
            following = next(left[-1], None)
            if following is None:
                cleared.add(path.pop())
                left.pop()
            elif following in path:
                return [*path[path.index(following) :], following]
            elif following in needs and following not in cleared:
                path.append(following)
                left.append(iter(needs[following]))
    return None
