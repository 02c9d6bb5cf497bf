"""From bytes to rows: what a file is, how it is cut, and everything that is wrong with a row."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet_chassis.errors import Invalid
from licet_chassis.office.encodings import Survey
from licet_credentials.imports.file.detecting import detect
from licet_credentials.imports.file.mapping import Mapping, find_mapping, read_mapping
from licet_credentials.imports.file.reading import RowReader
from licet_credentials.imports.file.staging import FileCutter, unpack
from licet_credentials.imports.model import Dialect, RowResult
from licet_credentials.imports.rows import SourceRow

TOML = """
date_formats = ["%Y-%m-%d", "%d.%m.%Y"]
[holder]
kind = "employee"
external_id = "who"
name = "name"
email = "mail"
roles = { column = "roles", split = "/" }
[type]
code = { column = "what", values = { lift = "forklift", aid = "first-aid" } }
name = "what"
category = "certification"
[credential]
number = { columns = ["series", "no"], separator = "-" }
country = { column = "land", constant = "DE" }
[term]
valid_from = "from"
expires_on = "to"
never = ["for ever"]
"""
HEADER = "who,name,mail,roles,what,series,no,land,from,to"
GOOD = "E1,Ana,ana@example.org,driver/guard,lift,A,1,,2024-01-01,31.12.2024"


def mapping(more: str = "") -> Mapping:
    return read_mapping(more + TOML)


def read(content: bytes, how: Mapping | None = None) -> list[Any]:
    """Return what each row says, or its errors, as an import reads them."""
    declared = how or mapping()
    survey = Survey()
    survey.feed(content)
    dialect, _ = detect(content, survey, declared)
    text = io.TextIOWrapper(io.BytesIO(content), dialect.encoding, errors="replace", newline="")
    reader = RowReader(declared)
    found: list[Any] = []
    for slab in FileCutter(text, dialect, declared).slabs(2):
        found += slab.rejected
        for _key, line, cells in slab.staged:
            said = reader.read(line, unpack(cells))
            found.append(said if isinstance(said, SourceRow) else (line, said))
    return found


def lines(*rows: str) -> bytes:
    return "\r\n".join([HEADER, *rows, ""]).encode()


def test_a_row_is_parsed_with_formats_constants_value_maps_and_joined_columns():
    [row] = read(lines(GOOD))
    assert row.holder.external_id == "E1"
    assert dict(row.holder.facts)["roles"] == ("driver", "guard")
    assert (row.credential.type_code, row.credential.number) == ("forklift", "A-1")
    assert dict(row.credential.facts) == {"country": "DE"}
    assert (str(row.term.valid_from), str(row.term.expires_on)) == ("2024-01-01", "2024-12-31")
    assert row.term.key == "2024-01-01/2024-12-31"


def test_every_error_of_a_row_names_the_column_the_value_and_what_is_allowed():
    [row] = read(lines(",Ana,nowhere,driver/no good,boat,A,1,XX,x,soon"))
    line, errors = row.line, row.errors
    told = {error.column: error for error in errors}
    assert line == 2
    assert set(told) == {"who", "mail", "roles", "what", "land", "from", "to"}
    assert told["mail"].value == "nowhere"
    assert told["what"].detail == "must be one of aid, lift"
    assert told["to"].detail.startswith("must be a date that exists, written YYYY-MM-DD or DD.MM.YYYY")
    assert "must not be empty" in told["who"].detail


def test_a_term_that_ends_before_it_starts_is_reported_with_the_raw_value():
    [(line, [error])] = read(lines(GOOD.replace("31.12.2024", "31.12.2023")))
    assert (line, error.column, error.value) == (2, "to", "31.12.2023")
    assert "before valid_from 2024-01-01" in error.detail


def test_the_end_of_a_term_may_be_never_or_empty():
    never, unknown = read(lines(GOOD.replace("31.12.2024", "for ever"), GOOD.replace("31.12.2024", "")))
    assert (never.term.never, never.term.expires_on) == (True, None)
    assert (unknown.term.never, unknown.term.expires_on) == (False, None)


ENCODINGS = [
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "windows-1252", "iso-8859-15", "mac-roman",
]  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_and_byte_order_marks_are_detected(encoding):
    content = lines(GOOD.replace("Ana", "Ána Größe")).decode().encode(encoding)
    [row] = read(content)
    assert dict(row.holder.facts)["name"] == "Ána Größe"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_yields_the_mapped_columns(delimiter):
    [row] = read(lines(GOOD).decode().replace(",", delimiter).encode())
    assert row.credential.number == "A-1"


def test_an_undecodable_byte_rejects_only_its_row():
    content = lines(GOOD, GOOD.replace("Ana", "A?a")).replace(b"A?a", b"A\x81a")
    good, (line, [error]) = read(content, mapping('encoding = "cp1252"\n'))
    assert good.holder.external_id == "E1"
    assert (line, error.column) == (3, "name")
    assert "not text in this encoding" in error.detail


def test_a_nul_character_rejects_only_its_row():
    rows = read(lines(GOOD, *[GOOD] * 400, GOOD.replace("Ana", "A\0a")))
    assert all(isinstance(row, SourceRow) for row in rows[:-1])
    assert rows[-1][1][0].column == "name"


def test_line_numbers_are_those_of_the_file_even_after_multiline_fields():
    quoted = GOOD.replace("Ana", '"Ana\r\nvon ""Hier"""')
    found = read(lines(quoted, quoted, GOOD.replace("lift", "boat")))
    assert [line for line, _ in found] == [2, 4, 6]
    assert "a line of at most 200 characters" in found[0][1][0].detail


def test_empty_lines_are_skipped_and_ragged_rows_are_reported():
    blank = " , ,\u00a0,,,\ufeff,,,,"
    found = read(lines("", GOOD, ",,,,,,,,,", blank, GOOD + ",,", GOOD + ",x", "", "", "\x1a"))
    told = [(row.line, row.errors[0].detail) for row in found if isinstance(row, RowResult)]
    assert told == [(7, "has 11 fields, the header has 10")]
    assert [row.line for row in found if isinstance(row, SourceRow)] == [3, 6]


def test_the_cells_that_a_short_row_lacks_are_empty():
    whole, without_end, without_name = read(lines(GOOD, GOOD.rsplit(",", 1)[0], "E2") + b"\x1a\r\n")
    assert whole.term.expires_on is not None
    assert (without_end.term.valid_from, without_end.term.expires_on) == (whole.term.valid_from, None)
    assert {error.column for error in without_name[1]} == {"name", "what", "series + no"}


@pytest.mark.parametrize(
    "top",
    ["sep=,\r\n", '"sep=,"\n', "Licences of the north\r\n\r\n", 'As of, "01.11.2026\n', "sep=,\nPage 1,,,\n"],
)
def test_titles_and_separators_above_the_header_are_passed_over(top):
    [row, (line, [error])] = read(top.encode() + lines(GOOD, GOOD.replace("2024-01-01", "x")))
    assert row.credential.number == "A-1"
    assert (line, error.column) == (top.count("\n") + 3, "from")


def test_titles_may_be_declared_and_the_separator_line_is_not_one_of_them():
    # The first line has all columns, and is none of the header all the same.
    content = b"sep=,\n" + HEADER.encode() + b"\n" + lines(GOOD)
    [row] = read(content, mapping("skip_lines = 1\n"))
    assert (row.line, row.credential.number) == (4, "A-1")
    with pytest.raises(Invalid, match="lacks the columns who"):
        read(lines(GOOD, GOOD), mapping("skip_lines = 1\n"))


@pytest.mark.parametrize("number", ["4,71E+12", "1.23457E+15", "4.7e11", "1E+05"])
def test_a_number_in_scientific_notation_is_an_error(number):
    [(_, [error])] = read(lines(GOOD.replace(",A,1,", f',,"{number}",')))
    assert (error.column, error.value) == ("series + no", number)
    assert "scientific notation" in error.detail
    [row] = read(lines(GOOD.replace(",A,1,", ",,12E45,")))
    assert row.credential.number == "12E45"


def test_an_unclosed_quotation_mark_is_reported_with_the_lines_it_swallowed():
    filler = [GOOD] * 4000
    found = read(lines(GOOD.replace("Ana", '"Ana'), *filler))
    [bad] = [row for row in found if isinstance(row, RowResult) and "quotation mark" in row.errors[0].detail]
    assert bad.line == 2
    assert bad.errors[0].detail.startswith("lines 2 to ")
    assert sum(isinstance(row, SourceRow) for row in found) > 1000


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "empty"),
        ("\ufeff", "empty"),
        (HEADER.replace("mail", "e-mail"), "lacks the columns mail (did you mean e-mail?)"),
        (HEADER + ",name", "has columns twice that the mapping reads: name (columns 2 and 11)"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(header, words):
    with pytest.raises(Invalid) as refused:
        read(header.encode() + b"\r\n")
    assert words in refused.value.detail


def test_a_duplicate_column_that_is_not_mapped_is_allowed():
    [row] = read(f"{HEADER},x,x\n{GOOD},1,2\n".encode())
    assert row.credential.number == "A-1"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\x1f"), max_size=40))
def test_every_cell_survives_quoting(text):
    quoted = '"' + text.replace('"', '""') + '"'
    declared = mapping()
    cutter = FileCutter(
        io.StringIO(f"{HEADER}\n" + GOOD.replace("Ana", quoted) + "\n", newline=""),
        Dialect("utf-8", ","),
        declared,
    )
    [slab] = cutter.slabs(10)
    assert unpack(slab.staged[0][2])[declared.columns.index("name")] == text


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (('kind = "employee"', 'kind = "robot"'), "holder.kind", "must be one of employee"),
        (('constant = "DE"', 'constant = "Germany"'), "credential.country", "ISO 3166-1"),
        (('"%d.%m.%Y"', '"%d.%m"'), "date_formats.1", "does not name day, month and year"),
        (('external_id = "who"', ""), "holder.external_id", "required"),
        (('category = "certification"', 'category = "sport"'), "type.category", "license"),
        (('valid_from = "from"', 'valid_from = "from"\non_change = "ask"'), "term.on_change", "reject"),
        (('lift = "forklift"', 'lift = "fork lift"'), "type.code", "values.lift"),
        (('expires_on = "to"', 'until = "to"'), "term.until", "Extra inputs"),
        (
            ('category = "certification"', 'category = "certification"\nlate_renewal = "from_expiry"'),
            "type",
            "needs late_renewal_days",
        ),
    ],
)
def test_a_mapping_error_names_its_place(change, place, words):
    with pytest.raises(Invalid) as refused:
        read_mapping(TOML.replace(*change))
    assert f"at {place}" in refused.value.detail
    assert words in refused.value.detail


def test_all_errors_of_a_mapping_are_reported_together():
    with pytest.raises(Invalid) as refused:
        read_mapping(TOML.replace("employee", "robot").replace("certification", "sport"))
    assert "holder.kind" in refused.value.detail
    assert "type.category" in refused.value.detail


def test_every_shipped_mapping_can_be_read():
    name, text = find_mapping("chicago")
    assert name == "chicago"
    assert read_mapping(text).columns[0] == "ACCOUNT NUMBER"


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 900 + "]" * 900,
        "a = " + "{x=" * 900,
        "a = " + "9" * 5_000,
        TOML.replace("%d.%m.%Y", "%d.%m.%Y%d"),
        TOML.replace('"employee"', '"employee"\ntime_zone = "\\u0000"'),
    ],
    ids=["nested lists", "nested tables", "endless number", "a directive twice", "U+0000"],
)
def test_a_mapping_that_breaks_its_reader_is_refused_like_any_other(text):
    with pytest.raises(Invalid, match="The mapping"):
        read_mapping(text)
