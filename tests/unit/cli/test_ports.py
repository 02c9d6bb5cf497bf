"""Ports: the preferred one where it can be had, never one twice, never one that is taken."""

import socket

from licet_cli.embedded.ports import free_port, is_free


def test_a_preferred_port_that_is_free_is_given():
    wanted = free_port()
    # What was given once is never given again, so ask for the one beside it.
    candidates = [port for port in range(wanted + 1, wanted + 50) if is_free(port)]
    assert free_port(candidates[0]) == candidates[0]


def test_a_taken_port_is_passed_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
        given = free_port(port)
    assert given != port


def test_no_port_is_given_twice():
    first = free_port()
    assert free_port(first) != first
    given = [free_port() for _ in range(200)]
    assert len(set(given)) == len(given)
