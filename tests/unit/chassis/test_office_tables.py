"""Small files are read whatever program wrote them, and refused rather than guessed."""

import pytest

from licet_chassis.errors import Invalid
from licet_chassis.office.tables import charset_of, read_table

COLUMNS = ("who", "course")


def missing(names):
    return sum(name not in names for name in COLUMNS)


def read(content: bytes, charset: str | None = None) -> list[list[str]]:
    return read_table(content, missing, charset).rows


@pytest.mark.parametrize(
    "content",
    [
        "who,course\nŁukasz,a\nEva,\n".encode(),
        "who;course\r\nŁukasz;a\r\n ;\u00a0\r\nEva\r\n\x1a".encode("utf-8-sig"),
        "sep=;\nCourses of March\n\nwho;course\nŁukasz;a\nEva;;;\n".encode("utf-16"),
        "who\tcourse\rŁukasz\ta\rEva\t".encode(),
    ],
)
def test_a_file_is_read_whatever_separates_and_surrounds_its_rows(content):
    assert read(content) == [["Łukasz", "a"], ["Eva", ""]]


def test_an_encoding_is_declared_or_refused_with_a_proposal():
    content = "who,course\nŁukasz,a\n".encode("cp1250")
    assert read(content, charset_of('text/csv; header=present; charset="Windows-1250"')) == [["Łukasz", "a"]]
    with pytest.raises(
        Invalid, match=r"charset=windows-1250\..* windows-1250 was guessed: the signs .* are Ł"
    ):
        read(content, charset_of("text/csv"))
    with pytest.raises(Invalid, match="charset of the Content-Type must be one of"):
        charset_of("text/csv; charset=rot13")
    with pytest.raises(Invalid, match="is a workbook"):
        read(b"PK\x03\x04 and so on")
    with pytest.raises(Invalid, match="not utf-8: its byte 11"):
        read(content, "utf-8")


def test_a_row_with_too_many_cells_keeps_them_and_what_is_no_csv_names_its_line():
    assert read(b"who,course\na,b,c\na,b, ,\n") == [["a", "b", "c"], ["a", "b"]]
    with pytest.raises(Invalid, match="at line 3"):
        read(b'Title\nwho,course\na,"b"c\n')
