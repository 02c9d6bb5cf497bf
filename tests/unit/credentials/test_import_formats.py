"""Dates, numbers and truth values of files are read as they are meant, or refused."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet_chassis.office.typed import TYPED
from licet_credentials.imports.formats.cells import CellFormats
from licet_credentials.imports.formats.dates import End, checked_format
from licet_credentials.imports.formats.judging import FormatJudge
from licet_credentials.imports.formats.numbers import read_number
from licet_events.catalogue import AttributeKind

GERMAN = CellFormats(
    ("%d.%m.%Y", "%d.%m.%y", "%m/%Y"),
    decimal_separator=",",
    never=("unbefristet", "9999-12-31", "01.01.2099"),
)


@pytest.mark.parametrize(
    "text", ["unbefristet", " Unbefristet ", "UNBEFRISTET", "31.12.9999", TYPED + "d9999-12-31", "01.01.99"]
)
def test_words_and_dates_that_are_declared_mean_never_however_they_are_written(text):
    assert GERMAN.end(text) == End(None)


@pytest.mark.parametrize(
    "text",
    [
        "00.00.0000",
        "31.12.9998",
        "01.01.1900",
        "31.12.2999",
        "31.02.2027",
        "01.01.0001",
        TYPED + "d1899-12-31",
        "n/a",
        "-",
    ],
)
def test_dates_that_mean_nothing_are_errors(text):
    with pytest.raises(ValueError, match="`never` of"):
        GERMAN.end(text)
    with pytest.raises(ValueError, match="date that"):
        GERMAN.start(text)


def test_years_of_two_digits_are_read_by_the_pivot_and_an_end_is_never_before_2000():
    assert GERMAN.end("15.03.85") == End(date(2085, 3, 15))
    assert GERMAN.day("15.03.85") == date(1985, 3, 15)
    assert GERMAN.start("15.03.27") == date(2027, 3, 15)
    stated = CellFormats(("%d.%m.%y",), year_pivot=80)
    assert [stated.end(f"15.03.{year}").day for year in ("79", "80", "00")] == [
        date(2079, 3, 15), date(1980, 3, 15), date(2000, 3, 15),
    ]  # fmt: skip
    assert CellFormats(("%d.%m.%y",), year_pivot=0).day("15.03.05") == date(1905, 3, 15)
    with pytest.raises(ValueError, match="exists"):
        CellFormats(("%d.%m.%y",), year_pivot=0).day("29.02.00")


def test_a_month_ends_with_its_last_day_begins_with_its_first_and_is_no_day():
    assert GERMAN.end("02/2028") == End(date(2028, 2, 29), month_only=True)
    assert GERMAN.end("12/2027") == End(date(2027, 12, 31), month_only=True)
    assert GERMAN.start("02/2028") == date(2028, 2, 1)
    with pytest.raises(ValueError, match=r"written DD\.MM\.YYYY or DD\.MM\.YY,"):
        GERMAN.day("02/2028")


@pytest.mark.parametrize("date_format", ["%Y", "%d.%m", "%H:%M", "%m/%d", "%d"])
def test_a_format_without_month_and_year_is_none(date_format):
    with pytest.raises(ValueError, match="nor month and year"):
        checked_format(date_format)
    assert [checked_format(each) for each in ("%m/%Y", "%b %y", "%d.%m.%y")]


@pytest.mark.parametrize(
    ("text", "undeclared", "comma", "point"),
    [
        ("1.000.000,00", "1000000.00", "1000000.00", None),
        ("1,000,000", "1000000", None, "1000000"),
        ("1,000,000.50", "1000000.50", None, "1000000.50"),
        ("1.000", None, "1000", "1.000"),
        ("1,000", None, "1.000", "1000"),
        ("-0.125", "-0.125", None, "-0.125"),
        ("1234.567", "1234.567", None, "1234.567"),
        ("1,5", "1.5", "1.5", None),
        ("1500.50", "1500.50", None, "1500.50"),
        ("1 000 000", "1000000", "1000000", "1000000"),
        ("1\u00a0000,5", "1000.5", "1000.5", None),
        ("1'000.5", "1000.5", None, "1000.5"),
        ("1.00.000", None, None, None),
        ("1.0000,5", None, None, None),
        ("1.5E+03", None, None, None),
        ("12,", None, None, None),
        ("1,,5", None, None, None),
        ("", None, None, None),
        ("٣", None, None, None),
    ],
)
def test_numbers_follow_the_declared_separators_and_else_must_mean_one_number(text, undeclared, comma, point):
    assert read_number(text, None, None) == undeclared
    assert read_number(text, ",", None) == comma
    assert read_number(text, ".", None) == point


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_a_number_survives_being_written_with_separators(number):
    english = f"{number:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert float(read_number(english, ".", ",") or "nan") == float(number)
    assert float(read_number(german, None, ".") or "nan") == float(number)


def test_typed_attributes_follow_the_formats():
    read = GERMAN.attribute
    assert read(AttributeKind.DATE, "15.03.2027") == "2027-03-15"
    assert read(AttributeKind.DECIMAL, "1.000.000,00") == "1000000.00"
    assert read(AttributeKind.INTEGER, "1.000.000,00") == "1000000"
    assert [read(AttributeKind.BOOLEAN, text) for text in ("ja", "WAHR", "Nein", "false")] == [
        "true", "true", "false", "false",
    ]  # fmt: skip
    assert read(AttributeKind.TEXT, "1.000") == "1.000"
    with pytest.raises(ValueError, match="must be an integer"):
        read(AttributeKind.INTEGER, "1,5")
    own = CellFormats(true_words=frozenset({"x"}))
    assert own.boolean("X") is True


def test_cells_with_a_type_are_read_as_what_they_are():
    for formats in (GERMAN, CellFormats(("%m/%d/%Y",), decimal_separator=".")):
        assert formats.end(TYPED + "d2027-03-05") == End(date(2027, 3, 5))
        assert formats.number(TYPED + "n1000.5") == "1000.5"
        assert formats.number(TYPED + "n1.005") == "1.005"
        assert formats.boolean(TYPED + "b1") is True
        with pytest.raises(ValueError, match="date"):
            formats.day(TYPED + "n46000")


EUROPEAN, AMERICAN, ISO = "%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d"


def decided(*texts: str, formats: tuple[str, ...] = (EUROPEAN, AMERICAN, ISO)) -> tuple[str, ...]:
    judge = FormatJudge(formats)
    for line, text in enumerate(texts, 2):
        judge.observe(line, text)
    return judge.decided()


def test_two_formats_that_fit_different_rows_are_refused_with_both():
    with pytest.raises(
        ValueError, match=r"line 3 has '13/04/2027', which is DD/MM/YYYY, and line 4 has '04/14/2027'"
    ):
        decided("2027-01-01", "13/04/2027", "04/14/2027", "01/02/2027")


def test_two_formats_that_fit_all_rows_are_refused_with_what_one_may_mean():
    with pytest.raises(
        ValueError, match=r"line 2 has '03/04/2027', which may be 2027-04-03 .* or 2027-03-04"
    ):
        decided("03/04/2027", "05/05/2027")


def test_the_format_that_fits_all_rows_counts_wherever_it_stands():
    assert decided("03/04/2027", "04/13/2027", "2027-01-01") == (AMERICAN, EUROPEAN, ISO)
    assert decided("03/04/2027", "13/04/2027") == (EUROPEAN, AMERICAN, ISO)
    assert decided("05/05/2027", "") == (EUROPEAN, AMERICAN, ISO)


def test_formats_that_never_contradict_each_other_need_no_decision():
    assert not FormatJudge(("%d.%m.%Y", ISO, "%m/%Y", "%d.%m.%y")).needed
    assert FormatJudge(("%d.%m.%y", "%y.%m.%d")).needed
