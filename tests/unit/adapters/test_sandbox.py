"""The sandbox: each message one readable, private file, written once, inside its folder."""

import hashlib
import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Message, Receipt, Rejected, SettingsError, Transient
from adapters.sandbox import SandboxChannel

GOOD = {
    "message_id": "ab" * 32,
    "channel": "email",
    "to": "ann@borrower.test",
    "body": "Dear Ann,\n\nyou owe 12.34.",
    "language": "en",
    "created_at": datetime(2026, 3, 1, 10, 30, tzinfo=UTC),
    "subject": "Your instalment",
}


@pytest.fixture
def channel(tmp_path):
    return SandboxChannel(tmp_path / "outer" / "messages")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_message_is_a_file_that_a_person_can_read(channel, tmp_path):
    receipt = channel.send(Message(**GOOD, lender_name="Acme Credit", reply_to="help@acme.test"))
    path = tmp_path / "outer" / "messages" / "email" / "ab" / f"{'ab' * 32}.txt"
    assert receipt == Receipt("sandbox", "ab" * 32, "accepted")
    assert path.read_text(encoding="utf-8") == (
        f"Message: {'ab' * 32}\n"
        "Channel: email\n"
        "To: ann@borrower.test\n"
        "From: Acme Credit\n"
        "Reply-To: help@acme.test\n"
        "Subject: Your instalment\n"
        "Language: en\n"
        "Decided: 2026-03-01T10:30:00+00:00\n"
        "\n"
        "Dear Ann,\n"
        "\n"
        "you owe 12.34.\n"
    )


def test_a_letter_shows_its_address_in_one_line(channel):
    channel.send(Message(**GOOD | {"channel": "letter", "to": "Ann Lee\n1 Road\nTown"}))
    assert "\nTo: Ann Lee, 1 Road, Town\n" in channel.path("letter", "ab" * 32).read_text(encoding="utf-8")


def test_files_and_folders_that_it_makes_are_private(channel, tmp_path):
    before = os.umask(0)
    try:
        channel.send(Message(**GOOD))
    finally:
        os.umask(before)
    path = channel.path("email", "ab" * 32)
    assert mode(path) == 0o600
    made = [folder for folder in path.parents if tmp_path in folder.parents]
    assert len(made) == 4
    assert {mode(folder) for folder in made} == {0o700}


def test_a_folder_that_was_there_keeps_its_mode(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    SandboxChannel(folder).send(Message(**GOOD))
    assert mode(folder) == 0o755


def test_the_same_message_twice_is_one_file(channel):
    channel.send(Message(**GOOD))
    first = channel.path("email", "ab" * 32).stat()
    channel.send(Message(**GOOD))
    assert channel.path("email", "ab" * 32).stat() == first
    assert [path.name for path in channel.path("email", "ab" * 32).parent.iterdir()] == [f"{'ab' * 32}.txt"]


def test_what_was_sent_under_an_id_is_not_replaced(channel):
    channel.send(Message(**GOOD))
    channel.send(Message(**GOOD | {"body": "another text"}))
    assert "another text" not in channel.path("email", "ab" * 32).read_text(encoding="utf-8")


def test_a_message_that_cannot_be_written_leaves_nothing_and_may_be_tried_again(tmp_path, monkeypatch):
    channel = SandboxChannel(tmp_path)

    def full(handle, mode):
        os.close(handle)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("adapters.sandbox.os.fdopen", full)
        with pytest.raises(Transient, match="No space left on device"):
            channel.send(Message(**GOOD))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert channel.lookup("ab" * 32) is None
    assert channel.send(Message(**GOOD)) == channel.lookup("ab" * 32)


def test_a_folder_that_was_removed_in_between_is_made_again(channel, tmp_path):
    channel.send(Message(**GOOD))
    shutil.rmtree(tmp_path / "outer")
    channel.send(Message(**GOOD))
    assert channel.path("email", "ab" * 32).exists()


def test_many_messages_are_spread_over_folders(channel):
    ids = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(2000)]
    for message_id in ids:
        channel.send(Message(**GOOD | {"message_id": message_id}))
    folders = list((channel.path("email", ids[0]).parent.parent).iterdir())
    counts = [len(list(folder.iterdir())) for folder in folders]
    assert sum(counts) == 2000
    assert max(counts) < 40


@settings(deadline=None)
@given(name=st.text(max_size=70) | st.sampled_from(["../" * 21 + "x", "/etc/passwd", "a" * 63 + "/", "." * 64]))
def test_no_name_escapes_the_folder(name):
    channel = SandboxChannel(Path("folder"))
    with pytest.raises(ValueError, match="message_id"):
        channel.lookup(name)


def test_a_link_in_place_of_a_new_file_is_not_followed(channel, tmp_path, monkeypatch):
    channel.send(Message(**GOOD | {"message_id": "ab" + "0" * 62}))
    monkeypatch.setattr("adapters.sandbox.threading.get_ident", lambda: 1)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    target = channel.path("email", "ab" * 32)
    target.with_name(f".{target.stem}.{os.getpid()}.1").symlink_to(victim)
    with pytest.raises(Transient):
        channel.send(Message(**GOOD))
    assert victim.read_text() == "precious"


def test_a_line_break_cannot_forge_a_line_of_the_head(channel):
    with pytest.raises(Rejected, match="subject"):
        channel.send(Message(**GOOD | {"subject": "x\nTo: someone else"}))


def test_its_folder_must_be_named():
    with pytest.raises(SettingsError, match="sandbox: option 'folder' is missing"):
        SandboxChannel.from_settings({})
    assert "messages" in repr(SandboxChannel.from_settings({"folder": "messages"}))


def test_it_is_always_loopback(channel):
    assert channel.loopback()
