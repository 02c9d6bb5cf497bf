"""What a search text asks for, as patterns that the index can use."""

import pytest

from licet_chassis.words import words


@pytest.mark.parametrize("text", [None, "", "   "])
def test_nothing_asks_for_nothing(text):
    assert words(text) == []


def test_each_word_is_looked_for_anywhere():
    assert words(" ana  forklift ") == [("%ana%",), ("%forklift%",)]


@pytest.mark.parametrize("word", ["Ze", "a", "A-1", "12-34"])
def test_a_word_without_three_in_a_row_is_looked_for_where_words_begin(word):
    assert words(word) == [(f"{word}%", f"% {word}%")]


def test_what_follows_the_second_word_is_taken_together():
    assert words("ana maria  von  trapp") == [("%ana%",), ("%maria%",), ("%von trapp%",)]


def test_patterns_take_the_word_literally():
    assert words("50%_off\\") == [("%50\\%\\_off\\\\%",)]


def test_letters_of_any_script_count():
    assert words("жук") == [("%жук%",)]
