"""Templates of SQL: what is sent is what is asked, and nothing else."""

import pytest

from licet_chassis.queries import Template

LIST = Template(
    """-- A page: what :this says is no parameter.
select h.id::text from holders h
join teams t on t.code = h.team --if team, word
where h.at > :now
  and h.team = :team --if team
  --if long
  and h.long
  and h.longer --unless team
  --end
  and (h.name = :word or h.code = :word) --if word
order by h.name desc, --if backwards
         h.id --unless backwards, word
limit :limit"""
)


def lines(*given: str) -> list[str]:
    return [line.strip() for line in LIST.sql(given)[0].splitlines()[1:]]


def test_only_the_lines_of_what_is_given_are_there() -> None:
    assert lines() == ["select h.id::text from holders h", "where h.at > $1", "h.id", "limit $2"]
    assert lines("team") == [
        "select h.id::text from holders h", "join teams t on t.code = h.team", "where h.at > $1",
        "and h.team = $2", "h.id", "limit $3",
    ]  # fmt: skip


def test_a_line_for_several_names_is_there_for_each_of_them() -> None:
    join = "join teams t on t.code = h.team"
    assert [join in lines(*given) for given in ((), ("team",), ("word",), ("team", "word"))] == [
        False, True, True, True,
    ]  # fmt: skip


def test_a_line_with_unless_is_there_only_if_none_of_its_names_is() -> None:
    assert "h.id" in lines("team")
    assert "h.id" not in lines("word")
    assert "h.id" not in lines("backwards")


def test_parameters_are_numbered_by_the_text_and_a_repeated_one_once() -> None:
    sql, names = LIST.sql({"word", "team"})
    assert names == ("now", "team", "word", "limit")
    assert "(h.name = $3 or h.code = $3)" in sql


def test_casts_and_comments_are_left_alone() -> None:
    sql, _ = LIST.sql(())
    assert "h.id::text" in sql
    assert sql.startswith("-- A page: what :this says is no parameter.")


def test_the_same_names_give_the_same_text() -> None:
    assert LIST.sql(["team", "word"]) == LIST.sql(["word", "team"])


def test_names_that_choose_no_line_change_nothing() -> None:
    assert LIST.sql({"limit", "now", "stranger"}) == LIST.sql(())


def test_a_template_knows_what_chooses_its_lines() -> None:
    assert LIST.choices == {"team", "word", "backwards", "long"}


def test_a_mark_alone_stands_for_all_lines_to_the_end() -> None:
    assert lines("long")[2:4] == ["and h.long", "and h.longer"]
    assert lines("long", "team")[3:6] == ["and h.team = $2", "and h.long", "h.id"]
    assert not any("--" in line for line in lines("long"))


class Conn:
    """Records what is prepared and run."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    async def prepare(self, sql: str, *, name: str) -> "Conn":
        self.seen += [sql, name]
        return self

    async def fetch(self, *arguments: object) -> list[object]:
        self.seen.append(arguments)
        return []


async def test_what_is_none_is_not_given_and_what_is_false_is() -> None:
    conn = Conn()
    await LIST.fetch(conn, {"now": 1, "team": None, "word": False, "limit": 3})  # type: ignore[arg-type]  # a stand-in
    assert conn.seen == [LIST.sql({"word"})[0], "", (1, False, 3)]


async def test_a_value_that_a_line_needs_must_be_given() -> None:
    with pytest.raises(KeyError, match="limit"):
        await LIST.fetch(Conn(), {"now": 1})  # type: ignore[arg-type]  # a stand-in
