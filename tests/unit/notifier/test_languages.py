"""The shipped languages: complete, each mail in one language, with its dates, numbers and plurals."""

import re
import tomllib
from datetime import UTC, date, datetime
from importlib.resources import files

import pytest

from licet_notifier.facts.mails import EVENTS, OF_CREDENTIALS
from licet_notifier.notifications.deciding import decide
from licet_notifier.notifications.wording import Tongue, wording
from licet_notifier.templates import languages
from licet_notifier.templates.checking import check_variant
from licet_notifier.templates.model import Conditions, Reader, Reading, StepRange, Variant, choose
from licet_notifier.templates.shipping import shipped_letter, shipped_variants
from support.mailing.cases import DEPLOYMENT, MORNING, facts, holder, notice

SHIPPED = ("en", "de", "fr", "es")
ENGLISH = re.compile(
    r"\b(the|your|you|is|are|of|and|day|days|ends|expired|renew|holder|manager|Monday|Tuesday|Wednesday|"
    r"Thursday|Friday|Saturday|Sunday|June|July|mail|until|with)\b"
)


@pytest.mark.parametrize("event", EVENTS)
def test_every_mail_is_shipped_in_every_language_and_passes_the_check(event):
    assert [each.conditions.language for each in shipped_variants(event)] == list(SHIPPED)
    for variant in shipped_variants(event):
        assert check_variant(event, variant, "en") == []
        assert f'<html lang="{variant.conditions.language}">' in variant.html
        assert "prefers-color-scheme: dark" in variant.html


def test_every_language_has_every_phrase_with_the_same_parts():
    text = files("licet_notifier.templates").joinpath("shipped", "phrases.toml").read_text("utf-8")
    phrases = tomllib.loads(text)
    assert tuple(phrases) == SHIPPED == languages.shipped_languages()
    for language in SHIPPED[1:]:
        assert phrases[language].keys() == phrases["en"].keys()
        for name, phrase in phrases[language].items():
            theirs, ours = (set(re.findall(r"\{\w+\}", each)) for each in (phrase, phrases["en"][name]))
            assert theirs == ours, (language, name)


@pytest.mark.parametrize("language", SHIPPED[1:])
@pytest.mark.parametrize("event", OF_CREDENTIALS)
@pytest.mark.parametrize("told", [0, 1])
def test_no_mail_mixes_its_language_with_english(language, event, told):
    lost = facts(holder=holder(email=None))
    asked = notice(step={"credential.overdue": -7, "credential.expired": None}.get(event, 30))
    decisions = decide(asked, lost, DEPLOYMENT, MORNING)
    values = wording(asked, lost, decisions, decisions[told], MORNING, Tongue.of(language))
    content = shipped_letter(event, language).render(values)
    names = re.compile(r"Ada Beispiel|Max Leiter|Forklift( licence)?|FL-4711|Europe/Berlin")
    for part in (content.subject, content.text):
        assert ENGLISH.findall(names.sub("", part)) == [], part
    assert "\n\n\n" not in content.text


@pytest.mark.parametrize(
    ("language", "locale", "words"),
    [
        ("en", None, "Wednesday, 30 June 2027"),
        ("en", "en-US", "Wednesday, June 30, 2027"),
        ("en", "de-AT", "Wednesday, 30 June 2027"),
        ("de", "de-AT", "Mittwoch, 30. Juni 2027"),
        ("fr", None, "mercredi 30 juin 2027"),
        ("es", "es-MX", "miércoles, 30 de junio de 2027"),
    ],
)
def test_days_are_written_as_the_readers_country_does(language, locale, words):
    assert Tongue.of(language, locale).day(date(2027, 6, 30)) == words


def test_numbers_and_plurals_follow_the_language():
    german, french, polish = (languages.locale_for(each) for each in ("de", "fr", "pl"))
    assert languages.plural(1234, german, {"one": "# Tag", "other": "# Tage"}) == "1.234 Tage"
    assert languages.plural(0, french, {"one": "# jour", "other": "# jours"}) == "0 jour"
    few = {"one": "# dzień", "few": "# dni", "many": "# dni", "other": "# dnia"}
    assert languages.plural(2, polish, few) == "2 dni"
    at = datetime(2027, 6, 30, 14, 5, tzinfo=UTC)
    assert {languages.time_in_words(at, languages.locale_for(each)) for each in SHIPPED} == {"14:05"}


def variant(label: str, **conditions: object) -> Variant:
    return Variant(Conditions(**conditions), label, "x", "x")  # type: ignore[arg-type]  # given by name


STEPS = StepRange(0, 30)
OWN = (
    variant("any"),
    variant("de", language="de"),
    variant("de holder", language="de", recipient=Reading.HOLDER),
    variant("de forklift", language="de", type="forklift"),
    variant("de steps", language="de", steps=STEPS),
    variant("de narrow", language="de", steps=StepRange(0, 7)),
    variant("en", language="en"),
)
STOCK = (variant("shipped en", language="en"), variant("shipped fr", language="fr"))


@pytest.mark.parametrize(
    ("reader", "chosen"),
    [
        (Reader(Reading.MANAGER, "de-AT"), "de"),
        (Reader(Reading.HOLDER, "de"), "de holder"),
        (Reader(Reading.HOLDER, "de", "forklift"), "de forklift"),
        (Reader(Reading.MANAGER, "de", "crane", 20), "de steps"),
        (Reader(Reading.MANAGER, "de", "crane", 7), "de narrow"),
        (Reader(Reading.MANAGER, "de", "crane", 90), "de"),
        (Reader(Reading.HOLDER, "it"), "any"),
        (Reader(Reading.HOLDER, None), "any"),
    ],
)
def test_the_most_specific_variant_counts(reader, chosen):
    choice = choose(OWN, STOCK, reader, "en")
    assert choice is not None
    assert choice.variant.subject == chosen
    assert choice.because


@pytest.mark.parametrize(
    ("locale", "default", "chosen"),
    [("fr-CA", "en", "shipped fr"), ("it", "de", "de"), ("it", "es", "en"), (None, "fr", "shipped fr")],
)
def test_a_missing_language_falls_back_for_the_whole_mail(locale, default, chosen):
    own = (variant("de", language="de"), variant("en", language="en"))
    choice = choose(own, STOCK, Reader(Reading.HOLDER, locale), default)
    assert choice is not None
    assert choice.variant.subject == chosen


def test_a_language_that_is_not_shipped_may_not_use_shipped_sentences():
    own = Variant(
        Conditions(language="it"), "x {{ days_left }}", "{{ detour }}", "<p>{{ expires_on_words }}</p>"
    )
    (problem,) = check_variant("credential.expiring", own, "en")
    assert (problem.part, problem.line, problem.column) == ("text", 1, 4)
