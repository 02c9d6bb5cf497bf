"""Who has confirmed an erasure, and which ids are erased again after a restore."""

import json
from uuid import UUID

import pytest

from licet_cli.client import CommandFailed
from licet_cli.embedded.state import SERVICES
from licet_cli.erasing import confirmations, read_ids, reapply, wait_for_confirmations

ONE, TWO = str(UUID(int=1)), str(UUID(int=2))


class Service:
    def __init__(self) -> None:
        self.erased: dict[str, int] = {}
        self.posted: list[list[str]] = []

    def items(self, path):
        assert path == "/v1/erasures"
        return [
            {"holder_id": key, "erased_at": "2026-01-01", "left": left} for key, left in self.erased.items()
        ]

    def post(self, path, body):
        assert path == "/v1/erasures"
        self.posted.append(body["holder_ids"])
        return {"erased": len(body["holder_ids"])}


class Target:
    def __init__(self) -> None:
        self.services = {name: Service() for name in SERVICES}

    def service(self, name):
        return self.services[name]


@pytest.fixture
def target() -> Target:
    return Target()


def test_an_erasure_is_confirmed_once_every_service_has_completed_it(target):
    for service in target.services.values():
        service.erased = {ONE: 0}
    assert confirmations(target).open == ()
    target.services["notifier"].erased = {}
    target.services["scheduler"].erased = {ONE: 3}
    told = wait_for_confirmations(target, 0)
    assert [(each.service, each.why) for each in told.open] == [
        ("scheduler", "has 3 records or objects to go"),
        ("notifier", "has not erased it"),
    ]


def test_an_erasure_that_only_another_service_knows_is_open(target):
    """As after a restore of the owner's database."""
    target.services["notifier"].erased = {ONE: 0}
    assert {each.service for each in confirmations(target).open} == {*SERVICES} - {"notifier"}
    assert confirmations(target, TWO).open == ()


def test_erasures_are_repeated_in_every_service_in_batches(target):
    ids = [str(UUID(int=n)) for n in range(250)]
    assert list(reapply(target, ids)) == [(name, 250) for name in SERVICES]
    for service in target.services.values():
        assert [len(some) for some in service.posted] == [100, 100, 50]
        assert [each for some in service.posted for each in some] == ids


@pytest.mark.parametrize(
    "text", [f"{ONE}\n\n{TWO}\n", json.dumps({"items": [{"holder_id": ONE}, {"holder_id": TWO}], "open": []})]
)
def test_ids_are_read_one_a_line_or_as_the_status_was_printed(tmp_path, text):
    file = tmp_path / "ids"
    file.write_text(text)
    assert read_ids(file) == [ONE, TWO]


@pytest.mark.parametrize("text", ["Zerlina", "{", '{"items": [{}]}', '{"items": [7]}'])
def test_an_invalid_list_of_ids_is_refused(tmp_path, text):
    file = tmp_path / "ids"
    file.write_text(text)
    with pytest.raises(CommandFailed, match="no list of ids"):
        read_ids(file)
    with pytest.raises(CommandFailed, match="can't be read"):
        read_ids(tmp_path / "nothing")
