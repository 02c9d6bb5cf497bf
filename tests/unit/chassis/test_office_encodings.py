"""Encodings of files from offices are found, or guessed and told, and never silently wrong."""

import pytest

from licet_chassis.errors import Invalid
from licet_chassis.office.encodings import Encoding, Survey, encoding_named, encoding_of

PEOPLE = {
    "Polish": "Łukasz Żak\nMałgorzata Śliwińska\nPaweł Wójcik",
    "Czech": "Jiří Dvořák\nŽaneta Šťastná",
    "Hungarian": "Szűcs Gergő\nKőszegi Ádám",
    "Croatian": "Željko Šarić\nĐurđa Čović",
    "German": "Jürgen Müller\nKäthe Weiß",
    "French": "François Lefèvre\nHélène Noël",
    "Spanish": "José Muñoz\nIñaki Peña",
    "Swedish": "Åsa Öberg\nJörgen Sjöström",
    "Norwegian": "Søren Åberg\nBjørn Ærø",
    "Russian": "Иван Петров\nСветлана Кузнецова",  # noqa: RUF001  # Cyrillic is meant
    "Ukrainian": "Ігор Шевченко\nЮлія Їжак",  # noqa: RUF001  # Cyrillic is meant
    "several": "Jürgen Müller\nŁukasz Żak\nJosé Núñez",
    "one": "Łukasz",
}
ENCODINGS = ["windows-1250", "windows-1251", "windows-1252", "iso-8859-2", "iso-8859-15", "mac-roman"]


def found(content: bytes, declared: str | None = None) -> Encoding:
    survey = Survey()
    for at in range(0, len(content), 7):  # as pieces that part characters and lines
        survey.feed(content[at : at + 7])
    return encoding_of(content[:4096], survey, declared)


def encodable() -> list[tuple[str, str]]:
    pairs = []
    for people, names in PEOPLE.items():
        for encoding in ENCODINGS:
            try:
                names.encode(encoding)
            except UnicodeEncodeError:
                continue
            pairs.append((people, encoding))
    return pairs


@pytest.mark.parametrize(("people", "encoding"), encodable())
def test_names_are_read_as_they_were_written_with_a_warning(people, encoding):
    content = f"Nr;Name\n{PEOPLE[people]}\n".encode(encoding)
    guessed = found(content)
    assert content.decode(guessed.name) == f"Nr;Name\n{PEOPLE[people]}\n"
    assert guessed.warning is not None
    assert f"{guessed.name} was guessed" in guessed.warning


def test_a_guess_tells_the_letters_and_other_readings_but_no_names():
    warning = found("Nr;Name\nŁukasz\n".encode("cp1250")).warning or ""
    assert "signs beyond ASCII are Ł;" in warning
    assert "windows-1252 would make them £" in warning
    assert "ukasz" not in warning


@pytest.mark.parametrize("people", ["Polish", "Russian", "German"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_is_certain_needs_no_warning(people, encoding):
    content = f"Nr;Name\n{PEOPLE[people]}\n".encode(encoding)
    certain = found(content)
    assert certain.warning is None
    assert content.decode(certain.name) == f"Nr;Name\n{PEOPLE[people]}\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_found_by_its_text(encoding):
    content = f"Номер;Имя\n{PEOPLE['Russian']}\n".encode(encoding)
    guessed = found(content)
    assert guessed.name == encoding
    assert "guessed" in (guessed.warning or "")
    assert found(content, "utf-16") == Encoding(encoding)


def test_a_declared_encoding_is_taken_and_doubted_where_the_file_is_utf_8():
    assert found("Łukasz".encode("cp1250"), "windows-1250") == Encoding("windows-1250")
    assert "valid UTF-8" in (found("Łukasz".encode(), "windows-1252").warning or "")
    assert found(b"Lukas", "windows-1252").warning is None


def test_an_encoding_is_known_by_its_usual_names():
    names = ["cp1250", "Windows-1250", "latin2", "L9", "macintosh", "UTF-16LE", "utf8"]
    assert [encoding_named(name) for name in names] == [
        "windows-1250", "windows-1250", "iso-8859-2", "iso-8859-15", "mac-roman", "utf-16-le", "utf-8",
    ]  # fmt: skip
    for name in ("rot13", "hex", "utf-7", "nonsense", "big5"):
        with pytest.raises(ValueError, match="must be one of utf-8"):
            encoding_named(name)


def test_what_has_nul_characters_and_is_no_utf_16_is_no_text():
    with pytest.raises(Invalid, match="NUL"):
        found(bytes(range(256)) * 4)
