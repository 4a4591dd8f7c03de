"""S24: nothing that comes from outside begins a line of a log or of an output, or steers the terminal that shows it."""

from __future__ import annotations

import json
import logging
import socket
import threading

import pytest

from tests.attacks.journey import BORROWER, EVENT_COLUMNS, INSTALMENT, LOAN, POLICY, SPAN, book, table, write_book

EVIL = "EVIL-LINE"
BREAKS = ["\n", "\r", "\r\n", "\v", "\f", "\x1b[2K\x1b[31m", "\x85", "\u2028", "\u2029", "\x9b31m", "\x07", "\x08" * 9]


def assert_no_line(text: str) -> None:
    """No line begins with the attacker's, however lines are told apart, and no control character is left."""
    assert not any(line.lstrip().startswith(EVIL) for line in text.splitlines())
    rest = text.replace("\n", "")
    assert rest.isprintable(), sorted({char for char in rest if not char.isprintable()})


@pytest.mark.parametrize("break_", BREAKS, ids=ascii)
def test_no_argument_begins_a_line(duly, tmp_path, break_):
    evil = f"x{break_}{EVIL}"
    for arguments in (
        [evil], ["policy", "check", evil], ["policy", "check", f"--{evil}"], ["simulate", evil, evil], ["import", evil],
        ["rules", "judge", evil], ["rules", "show", evil], ["loan", "show", evil], ["run", "--from", evil],
        ["simulate", "a", "b", "--outage", evil], ["messages", "--status", evil], ["ledger", "prove", evil],
        ["reconcile", "--accept", "--why", evil],
    ):  # fmt: skip
        ended = duly(*arguments)
        assert ended.code in (1, 2, 4), arguments
        assert_no_line(ended.out + ended.err)


@pytest.mark.parametrize("break_", BREAKS[::2], ids=ascii)
def test_no_variable_begins_a_line(duly, monkeypatch, break_):
    for name, value in {
        "DULY_PACKS": f"x{break_}{EVIL}", "DULY_TICK_S": f"1{break_}{EVIL}", "DULY_SMS_ADAPTER": f"x{break_}{EVIL}",
        f"DULY_X{break_}{EVIL}": "x", "DULY_WITNESS": f"x{break_}{EVIL}", "DULY_DATABASE_URL": f"x{break_}{EVIL}",
        "DULY_SANDBOX_FOLDER": f"x{break_}{EVIL}", "DULY_LEDGER_ORIGIN": f"x{break_}{EVIL}",
    }.items():  # fmt: skip
        with monkeypatch.context() as only:
            only.setenv(name, value)
            ended = duly("status")
        assert ended.code == 1, name
        assert_no_line(ended.out + ended.err)


@pytest.mark.parametrize("break_", BREAKS, ids=ascii)
def test_no_name_of_a_file_in_a_book_begins_a_line(duly, tmp_path, break_):
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    folder = write_book(tmp_path / "book", {**book({}), f"loans{break_}{EVIL}.csv": "x\n"})
    ended = duly("simulate", policy, folder)
    assert ended.code == 1
    assert EVIL in ended.err
    assert_no_line(ended.out + ended.err)


def cells(file: str, columns: dict[str, str], evil: str) -> str:
    """A file with a row for each column, in which that column is hostile."""
    quoted = [{**columns, column: evil} for column in columns]
    return table(quoted)


@pytest.mark.parametrize("file", ["borrowers.csv", "loans.csv", "instalments.csv", "events.csv"])
def test_no_field_of_a_book_begins_a_line(duly, tmp_path, file):
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    columns = {
        "borrowers.csv": {"borrower_id": "b-1", **BORROWER},
        "loans.csv": {"loan_id": "l-1", "borrower_id": "b-1", **LOAN, "segment": "s", "tags": "t"},
        "instalments.csv": {"loan_id": "l-1", **INSTALMENT},
        "events.csv": {**dict.fromkeys(EVENT_COLUMNS, ""), "event_id": "e-1", "type": "payment", "text": "t"},
    }[file]
    for number, break_ in enumerate(BREAKS[:9]):
        text = cells(file, columns, f"x{break_}{EVIL}")
        folder = write_book(tmp_path / f"{number}", {**book({}), file: text})
        ended = duly("simulate", policy, folder)
        assert ended.code == 1
        assert EVIL in ended.err
        assert_no_line(ended.out + ended.err)
        header = write_book(tmp_path / f"h{number}", {**book({}), file: f'"x{break_}{EVIL}",y\n1,2\n'})
        assert_no_line(duly("simulate", policy, header).err)


@pytest.mark.parametrize("break_", ["\n", "\r", "\x85", "\u2028", "\x1b[31m"], ids=ascii)
def test_no_value_of_a_policy_begins_a_line(duly, tmp_path, break_):
    evil = json.dumps(f"x{break_}{EVIL}", ensure_ascii=True)
    path = tmp_path / "policy.yaml"
    for old in ("plain", "GBP", "[en]", "{house: off}", "Acme Credit", "help@acme.example", "reminder:", "note, by",
                "due + 1 day, 10:00", "[sms, email]", "true", "en: \"Dear", "sms:", "messages:"):  # fmt: skip
        new = f"{evil}:" if old.endswith(":") else f"{evil}, by" if old.endswith("by") else evil
        new = f'{evil}: "Dear' if old.startswith("en:") else new
        path.write_text(POLICY.replace(old, new, 1), encoding="utf-8")
        ended = duly("policy", "check", path)
        assert_no_line(ended.out + ended.err)


def test_no_text_of_a_case_or_a_pack_begins_a_line(duly, tmp_path):
    path = tmp_path / "file.yaml"
    for break_ in ("\\n", "\\r", "\\u0085", "\\u2028", "\\x1b[31m"):
        evil = f'"x{break_}{EVIL}"'
        for text in (
            f"cases:\n  - {{id: {evil}, jurisdiction: {evil}, pack: [{evil}], title: {evil}, proposed: {evil}}}\n",
            f"pack: {evil}\ntitle: {evil}\nregions: [{evil}]\nrules: {{{evil}: {{text: {evil}, kind: {evil}}}}}\n",
            f"{evil}: {evil}\n",
        ):
            path.write_text(text, encoding="utf-8")
            for command in (("rules", "judge"), ("rules", "check"), ("policy", "test")):
                ended = duly(*command, path)
                assert ended.code == 1
                assert_no_line(ended.out + ended.err)


@pytest.fixture
def rude_server():
    """A mail server that answers each recipient with these bytes; counts them."""
    answers: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def talk(connection):
        with connection, connection.makefile("rwb") as file:
            file.write(b"220 hello\r\n")
            file.flush()
            for line in file:
                word = line[:4].upper()
                file.write(answers[0] if word == b"RCPT" else b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
                file.flush()

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            talk(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    yield listening.getsockname()[1], answers
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("true", f"550 no \x1b[31m\r{EVIL}"), ("false", f"550-no\r\n550 {EVIL}"),
        ("false", f"550 5.1.1\x85{EVIL} \u2028"),
    ],
    ids=["as JSON", "of several lines", "of odd breaks"],
)  # fmt: skip
def test_no_answer_of_a_mail_server_begins_a_line(stored, tmp_path, monkeypatch, rude_server, form, said):
    port, answers = rude_server
    answers.append(said.encode() + b"\r\n")
    for name, value in {
        "EMAIL_ADAPTER": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port), "SMTP_SECURITY": "none",
        "SMTP_FROM": "us@acme.example", "LOG_LEVEL": "debug", "LOG_JSON": form,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"DULY_{name}", value)
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    assert stored("policy", "publish", policy).code == 0
    assert stored("import", write_book(tmp_path / "book", book({}))).code == 0
    ended = stored("run", *SPAN)
    assert ended.code == 0
    said_all = ended.out + ended.err
    for command in ("messages --text", "status", "loan timeline l-001", "loan why l-001", "loan show l-001"):
        shown = stored(*command.split())
        said_all += shown.out + shown.err
    assert "failed" in said_all
    assert_no_line(said_all)
    assert EVIL not in said_all


def test_no_event_of_a_log_is_more_than_one_line_of_ascii(duly, capsys):
    for form in (True, False):
        duly("--version")
        from scheduler.bootstrap import configure_logging
        from scheduler.clock import SystemClock

        configure_logging(SystemClock(), as_json=form)
        for break_ in BREAKS:
            logging.getLogger("x").warning("told %s", f"x{break_}{EVIL}", extra={})
            logging.getLogger(f"x{break_}{EVIL}").error("told")
        lines = capsys.readouterr().err.split("\n")
        assert len(lines) == 2 * len(BREAKS) + 1
        assert_no_line("\n".join(lines))
