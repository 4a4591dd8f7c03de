"""A deadline cuts whatever connection it watches, also one that is opened after its time is over."""

import socket
import ssl

import pytest

from adapters.deadline import Deadline


@pytest.fixture
def ends():
    left, right = socket.socketpair()
    right.settimeout(30)
    with left, right:
        yield left, right


def test_when_the_time_is_over_the_other_side_sees_the_end(ends):
    left, right = ends
    with Deadline(0.01) as deadline:
        deadline.watch(left)
        assert right.recv(1) == b""
        assert deadline.expired


def test_a_connection_that_comes_too_late_is_cut_at_once(ends, ended):
    left, right = ends
    with ended as deadline:
        deadline.watch(left)
        assert right.recv(1) == b""


def test_only_the_connection_that_is_watched_last_is_cut(ends):
    left, right = ends
    with Deadline(600) as deadline:
        deadline.watch(left)
        deadline.watch(None)
        deadline._expire()
        left.sendall(b"x")
        assert right.recv(1) == b"x"


def test_after_the_exchange_nothing_is_cut(ends):
    left, right = ends
    with Deadline(600) as deadline:
        deadline.watch(left)
    deadline._expire()
    left.sendall(b"x")
    assert right.recv(1) == b"x"


def test_a_connection_that_was_closed_in_the_meantime_is_no_error(ends, ended):
    left, _right = ends
    left.close()
    with ended as deadline:
        deadline.watch(left)
        assert deadline.expired


def test_cutting_a_tls_connection_does_not_take_its_encryption_off(ends):
    left, _right = ends
    context = ssl.create_default_context()
    wrapped = context.wrap_socket(left, server_hostname="localhost", do_handshake_on_connect=False)
    before = wrapped._sslobj
    with wrapped, Deadline(600) as deadline:
        deadline.watch(wrapped)
        deadline._expire()
        assert wrapped._sslobj is before is not None


@pytest.fixture
def ended():
    """A deadline whose time is over once it is entered."""

    class Ended(Deadline):
        def __enter__(self):
            self._expire()
            return self

    return Ended(600)
