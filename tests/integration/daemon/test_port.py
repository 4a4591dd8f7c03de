"""The health port: three pages by GET, limits before anything is parsed, no personal data, and every fault said."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest

from scheduler import port
from scheduler.monitor import Monitor
from scheduler.pauses import pause
from scheduler.port import Answer, Port, PortError, split_address
from scheduler.store.database import connect
from tests.integration.daemon.processes import wait
from tests.integration.daemon.serving import Serving


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Port]:
    """A port with a page that answers, and one that fails."""
    monkeypatch.setattr(port, "REQUEST_S", 1)

    def fails() -> Answer:
        raise ValueError("Ann Bell, +44 20 7946 0123")

    one = Port(("127.0.0.1", 0), {"/good": lambda: Answer(200, b"{}\n"), "/bad": fails})
    yield one
    one.close()


def ask(address: tuple[str, int], request: bytes, *, then: bytes = b"") -> bytes:
    with socket.create_connection(address, timeout=20) as connection:
        try:
            connection.sendall(request)
            if then:
                connection.sendall(then)
        except OSError:
            pass  # it has answered already
        answer = b""
        try:
            while more := connection.recv(65_536):
                answer += more
        except ConnectionResetError:
            pass
        return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"GET /good HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET /good?x=1 HTTP/1.0\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", 404),
        (b"GET http://elsewhere.example/good HTTP/1.1\r\n\r\n", 404),
        (b"POST /good HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n", 405),
        (b"PUT /good HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 405),
        (b"HEAD /good HTTP/1.1\r\n\r\n", 405),
        (b"GET /bad HTTP/1.1\r\n\r\n", 500),
        (b"GET /good\r\n\r\n", 400),
        (b"GET  /good HTTP/1.1\r\n\r\n", 400),
        (b"GET /good HTTP/2.0\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /good HTTP/1.1\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", 431),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 431),
    ],
)
def test_it_answers_get_alone_and_refuses_the_rest(opened: Port, request_: bytes, expected: int) -> None:
    answer = ask(opened.address, request_)
    assert status(answer) == expected
    assert b"Connection: close" in answer and b"Ann" not in answer


def test_a_request_that_does_not_end_is_given_up(opened: Port) -> None:
    assert status(ask(opened.address, b"GET /good HTTP/1.1\r\n")) == 408


def test_slow_askers_do_not_keep_others_waiting_for_ever(opened: Port) -> None:
    slow = [socket.create_connection(opened.address) for _ in range(30)]
    try:
        for _ in range(200):
            answer = ask(opened.address, b"GET /good HTTP/1.1\r\n\r\n")
            if answer:
                break
            wait(0.1)
        assert status(answer) == 200
    finally:
        for one in slow:
            one.close()


@pytest.mark.parametrize(
    ("text", "expected"), [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("[::1]:80", ("::1", 80)), ("host:1", ("host", 1))]
)
def test_an_address_is_a_host_and_a_port(text: str, expected: tuple[str, int]) -> None:
    assert split_address(text) == expected


@pytest.mark.parametrize("text", ["", "9464", ":9464", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "a:b", "a:-1"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected ADDRESS:PORT"):
        split_address(text)


def test_a_port_that_is_taken_is_said(opened: Port) -> None:
    with pytest.raises(PortError, match=r"cannot listen on 127\.0\.0\.1"):
        Port(opened.address, {})


# --- what it tells of a daemon --------------------------------------------------------------------------------------

METRICS = {
    "duly_due", "duly_due_oldest_seconds", "duly_decided_total", "duly_lines_total", "duly_messages_decided_total",
    "duly_lateness_seconds_bucket", "duly_lateness_seconds_count", "duly_lateness_seconds_sum", "duly_outbox",
    "duly_adapter_outcomes_total", "duly_set_aside", "duly_laid_by", "duly_clock_skew_seconds",
    "duly_clock_behind_seconds", "duly_unsent_oldest_seconds", "duly_ledger_size", "duly_ledger_unnumbered",
    "duly_ledger_checkpoint_age_seconds", "duly_paused", "duly_held", "duly_halted", "duly_database_up",
    "duly_database_full", "duly_jobs_in_trouble",
}  # fmt: skip


def told(serving: Serving) -> dict[str, float]:
    """The metrics, each by its name with its labels."""
    monitor = Monitor(serving.daemon, serving.url, 0)
    answer = monitor.metrics()
    monitor.close()
    lines = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_the_metrics_say_what_was_decided_how_late_and_what_became_of_it(serving: Serving) -> None:
    serving.do("UPDATE borrower SET wake_at = '2026-03-03T09:59:20Z'")
    serving.serve(lambda: serving.states() == ["sent"], lambda: bool(serving.daemon.outcomes))
    found = told(serving)
    assert {re.sub(r"\{.*", "", name) for name in found} == METRICS
    assert found["duly_decided_total"] >= 1 and found["duly_messages_decided_total"] == 1
    assert found['duly_adapter_outcomes_total{adapter="provider",outcome="sent"}'] == 1
    assert found['duly_lateness_seconds_bucket{le="30"}'] == found["duly_lateness_seconds_count"] - 1
    assert found['duly_lateness_seconds_bucket{le="60"}'] == found["duly_lateness_seconds_count"]
    assert found['duly_outbox{state="queued"}'] == found["duly_due"] == found["duly_set_aside"] == 0
    assert found["duly_database_up"] == 1 and found['duly_ledger_size{lender="default"}'] > 0


def test_the_metrics_count_what_waits_is_set_aside_and_is_paused(serving: Serving) -> None:
    serving.serve(lambda: serving.states() == ["queued"], roles=("engine",))
    serving.do("UPDATE borrower SET set_aside = 'RuntimeError', wake_at = '2026-03-03T09:00:00Z'")
    serving.do("UPDATE message SET status = 'unconfirmed'")
    with connect(serving.url) as connection:
        pause(connection, 0, "all", "", serving.clock.at, by="an operator", why=None)
    serving.serve(lambda: serving.daemon.gate.paused.everything)
    found = told(serving)
    assert (found["duly_set_aside"], found["duly_paused"], found["duly_due"]) == (1, 1, 1)
    assert found['duly_outbox{state="unconfirmed"}'] == 1
    assert found["duly_due_oldest_seconds"] == 3_600


def test_no_page_has_personal_data(serving: Serving) -> None:
    serving.serve(lambda: serving.states() == ["sent"])
    monitor = Monitor(serving.daemon, serving.url, 0)
    said = b"".join(page().body for page in monitor.pages.values()).decode()
    monitor.close()
    for personal in ("Ann", "Bell", "7946", "ann@example.com", "p1", "l1"):
        assert personal not in said


def test_without_a_database_the_process_still_tells_what_it_knows(serving: Serving) -> None:
    serving.serve(lambda: serving.states() == ["sent"])
    serving.be_gone()
    found = told(serving)
    assert found["duly_database_up"] == 0 and found["duly_messages_decided_total"] == 1
    assert "duly_due" not in found


def test_a_schema_of_another_version_is_not_ready(serving: Serving) -> None:
    serving.serve(lambda: serving.states() == ["sent"])
    serving.do("UPDATE alembic_version SET version_num = '0000'")
    monitor = Monitor(serving.daemon, serving.url, 0)
    answer = monitor.ready()
    monitor.close()
    assert answer.status == 503 and "duly db migrate" in json.loads(answer.body)["reasons"][0]


def test_a_job_that_never_comes_to_its_end_is_not_alive(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    serving.serve(lambda: serving.states() == ["sent"])
    monitor = Monitor(serving.daemon, serving.url, 0)
    assert monitor.health().status == 200
    monkeypatch.setattr("scheduler.monitor.SILENT_S", -1)
    answer = monitor.health()
    assert answer.status == 503 and "dispatch" in json.loads(answer.body)["stuck"]


def test_a_poison_borrower_is_set_aside_and_the_others_go_on(serving: Serving) -> None:
    """What cannot be decided is seen in the metrics, with its reason in the database, and in the journal."""
    serving.do("UPDATE loan SET tags = ARRAY['x'], currency = 'ZZZ'")
    serving.serve(lambda: serving.rows("SELECT set_aside IS NOT NULL FROM borrower") == [(True,)])
    assert told(serving)["duly_set_aside"] == 1
    assert serving.provider.taken == []
