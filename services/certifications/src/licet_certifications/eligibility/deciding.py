"""The decisions about a holder and a target, one for each location where a timeline is kept."""

from collections.abc import Mapping, Sequence

from licet_certifications.eligibility.model import (
    Credential,
    Decision,
    Fact,
    Holder,
    Place,
    Stretch,
    Waiver,
    always,
)
from licet_certifications.eligibility.rules import Rule, Rulebook
from licet_certifications.eligibility.standings import Standing, best_over_time, standings_of
from licet_certifications.eligibility.sweep import timeline
from licet_events.eligibility import ANYWHERE, ReasonCode


def decide(
    holder: Holder | None,
    book: Rulebook,
    *,
    credentials: Sequence[Credential] = (),
    places: Mapping[str, Place],
    waivers: Sequence[Waiver] = (),
) -> dict[str, Decision]:
    """Return the decision for each location where one is kept; none if the target is not the holder's.

    `credentials` and `waivers` are the holder's; what does not concern the target is left aside.
    """
    if holder is None or book.target not in holder.targets:
        return {}
    credentials = [one for one in credentials if one.type in book.types]
    waivers = sorted((one for one in waivers if one.target == book.target), key=lambda one: one.id)
    facts = [
        *book.facts,
        Fact("holder", str(holder.id), holder.version),
        *(Fact("credential", str(one.id), one.version) for one in credentials),
        *(Fact("waiver", str(one.id), one.version) for one in waivers),
    ]
    reckoning = _Reckoning(holder, book, [one for one in credentials if not one.voided], waivers)
    decisions = {}
    for code in sorted(places_of(holder, book)):
        place = places.get(code, Place(code))
        here = [] if place.version is None else [Fact("location", place.code, place.version)]
        decisions[code] = Decision(reckoning.at(place), tuple(sorted(facts + here)))
    return decisions


def places_of(holder: Holder, book: Rulebook) -> frozenset[str]:
    """Return the locations for which a timeline is kept: `*`, the holder's, and all that are named."""
    return book.locations | {ANYWHERE, *([holder.location] if holder.location else [])}


class _Reckoning:
    """The timelines of one holder and target; what is the same at two places is computed once."""

    def __init__(
        self, holder: Holder, book: Rulebook, credentials: Sequence[Credential], waivers: Sequence[Waiver]
    ) -> None:
        self._holder = holder
        self._book = book
        self._by_type: dict[str, list[Credential]] = {}
        for credential in credentials:
            self._by_type.setdefault(credential.type, []).append(credential)
        self._waivers = waivers
        self._timelines: dict[tuple[object, ...], tuple[Stretch, ...]] = {}
        self._standings: dict[tuple[int, str | None], list[Standing]] = {}

    def at(self, place: Place) -> tuple[Stretch, ...]:
        """Return the timeline at a place."""
        if not self._holder.active:
            return always(ReasonCode.HOLDER_INACTIVE)
        rules = [rule for rule in self._book.rules if not rule.locations or place.code in rule.locations]
        waivers = [one for one in self._waivers if not one.locations or place.code in one.locations]
        told_apart = self._tells_apart(rules, place)
        key = (tuple(map(id, rules)), tuple(one.id for one in waivers), told_apart)
        if key not in self._timelines:
            self._timelines[key] = timeline(
                self._book, rules, lambda criterion: self._best(criterion, place), waivers
            )
        return self._timelines[key]

    def _tells_apart(self, rules: Sequence[Rule], place: Place) -> tuple[str | None, ...] | None:
        """Return what of a place bears on the rules: where it lies, if a jurisdiction has to match."""
        criteria = self._book.criteria
        if any(criteria[index].match_jurisdiction for rule in rules for index in rule.criteria):
            return place.country, place.subdivision
        return None

    def _best(self, index: int, place: Place) -> list[Standing]:
        criterion = self._book.criteria[index]
        key = (index, place.code if criterion.match_jurisdiction else None)
        if key not in self._standings:
            credentials = self._by_type.get(criterion.type, ())
            self._standings[key] = best_over_time(
                [standings_of(one, criterion, place) for one in credentials]
            )
        return self._standings[key]
