"""Ports: the preferred one where it can be had, never one twice, never one that is taken."""

import socket
import subprocess
import sys

from licet_cli.embedded.ports import free_port, is_free


def test_a_free_preferred_port_is_used():
    wanted = free_port()
    # What was given once is never given again, so ask for the one beside it.
    candidates = [port for port in range(wanted + 1, wanted + 50) if is_free(port)]
    assert free_port(candidates[0]) == candidates[0]


def test_a_taken_port_is_skipped():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
        given = free_port(port)
    assert given != port


def test_a_preferred_port_is_not_given_to_two_runs_that_start_at_once():
    wanted = next(port for port in range(20_000, 21_000) if is_free(port))
    ask = f"from licet_cli.embedded.ports import free_port; print(free_port({wanted}), flush=True); input()"
    runs = [
        subprocess.Popen([sys.executable, "-c", ask], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    given = {int(run.stdout.readline()) for run in runs if run.stdout}  # nobody listens on it yet
    for run in runs:
        run.communicate(b"\n")
    assert wanted in given
    assert len(given) == 2


def test_no_port_is_given_twice():
    first = free_port()
    assert free_port(first) != first
    given = [free_port() for _ in range(200)]
    assert len(set(given)) == len(given)
