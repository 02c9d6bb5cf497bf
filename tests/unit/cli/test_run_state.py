"""The state of a run: private, whole, found from below, and never that of a run which has ended."""

import os
import stat
from dataclasses import replace

import psutil
import pytest

from licet_cli.embedded.state import (
    NoRun,
    Part,
    RunState,
    current_run,
    forget_state,
    read_state,
    run_directory,
    write_state,
)


@pytest.fixture
def state() -> RunState:
    me = psutil.Process()
    shared = Part("127.0.0.1:1", me.pid, "/logs/servers.log")
    return RunState(
        pid=me.pid,
        started_at=me.create_time(),
        issuer=Part("http://127.0.0.1:2", me.pid),
        signing_key="/keys/issuer.pem",
        kafka=shared,
        database=Part("postgresql://postgres:secret@127.0.0.1:3/postgres", me.pid),
        s3=Part("http://given:9"),
        smtp=shared,
        services={"credentials": Part("http://127.0.0.1:4", me.pid)},
    )


@pytest.fixture(autouse=True)
def no_directory_given(monkeypatch):
    monkeypatch.delenv("LICET_RUN_DIR", raising=False)


def test_a_written_state_is_read_back(tmp_path, state):
    write_state(tmp_path, replace(state, ready=True))
    assert read_state(tmp_path) == replace(state, ready=True)


def test_the_state_file_is_readable_only_by_its_user(tmp_path, state):
    write_state(tmp_path, state)
    files = list(tmp_path.iterdir())
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600]


def test_a_run_is_found_from_a_directory_below(tmp_path, monkeypatch, state):
    (tmp_path / ".licet").mkdir()
    below = tmp_path / "docs" / "guides"
    below.mkdir(parents=True)
    write_state(tmp_path / ".licet", state)
    monkeypatch.chdir(below)
    assert current_run() == state
    assert run_directory() == below / ".licet"


def test_a_directory_named_by_the_environment_is_the_only_one_looked_at(tmp_path, monkeypatch, state):
    (tmp_path / ".licet").mkdir()
    write_state(tmp_path / ".licet", state)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LICET_RUN_DIR", str(tmp_path / "other"))
    with pytest.raises(NoRun, match="licet up"):
        current_run()


def test_a_run_that_has_ended_is_not_found(tmp_path, monkeypatch, state):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".licet").mkdir()
    # The same process id, taken again by a later process.
    write_state(tmp_path / ".licet", replace(state, started_at=state.started_at - 60))
    with pytest.raises(NoRun):
        current_run()


def test_a_forgotten_run_is_not_found(tmp_path, state):
    write_state(tmp_path, state)
    forget_state(tmp_path)
    assert read_state(tmp_path) is None


def test_a_state_of_another_version_is_refused_as_such(tmp_path):
    (tmp_path / "run.json").write_text('{"pid": 1}')
    with pytest.raises(NoRun, match="not of this version"):
        read_state(tmp_path)


def test_an_external_server_counts_as_running():
    assert Part("http://given:9").running
    assert Part("http://here:9", os.getpid()).running
