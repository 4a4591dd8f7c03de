"""Witnesses keep checkpoints for good: a folder, a file, an address; and a bad DULY_WITNESS is found at the start."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scheduler.ledger.errors import Refused, WitnessError
from scheduler.ledger.witness import AddressWitness, FileWitness, FolderWitness, Witness, open_witnesses, split
from scheduler.settings import Settings, SettingsError


def note(size: int, origin: str = "duly-1/default", more: str = "") -> str:
    """Something of a checkpoint's shape."""
    return f"{origin}\n{size}\nAAAA\n{more}\n— {origin} c2ln\n"


class Server(ThreadingHTTPServer):
    """A witness of another's: keeps what is posted, and answers as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.kept: list[str] = []
        self.types: list[str | None] = []
        self.post_status = 200
        self.get_status = 200

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/keep/here"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/keep/here" and 200 <= self.server.post_status < 300:
            self.server.kept.append(text)
            self.server.types.append(self.headers["Content-Type"])
        self._answer(self.server.post_status, b"")

    def do_GET(self) -> None:
        found = self.path == "/keep/here"
        self._answer(self.server.get_status if found else 418, "".join(self.server.kept).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/keep/here/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture(params=["folder", "file", "address"])
def witness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Witness]:
    if request.param == "address":
        with serving() as server:
            made: Witness = AddressWitness(server.address)
            yield made
            made.close()
        return
    place = f"{tmp_path}/kept/" if request.param == "folder" else f"{tmp_path}/kept"
    yield open_witnesses(Settings(witness=place))[0]


def test_what_is_kept_is_read_back(witness: Witness) -> None:
    assert witness.read() == []
    kept = [note(3), note(9, more="duly-reconciled 12 BBBB\n"), note(100), note(7, "duly-2/x")]
    for one in kept:
        witness.keep(one)
    assert sorted(witness.read() or ()) == sorted(kept)


def test_a_folder_has_a_file_a_checkpoint_in_the_order_of_sizes(tmp_path: Path) -> None:
    witness = FolderWitness(tmp_path)
    for size in (100, 9, 1000):
        witness.keep(note(size))
        witness.keep(note(size))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [int(name.split(".")[1]) for name in names] == [9, 100, 1000]
    assert all(name.startswith("duly-1%2Fdefault.") for name in names)


def test_a_file_in_the_folder_is_never_written_again(tmp_path: Path) -> None:
    witness = FolderWitness(tmp_path)
    witness.keep(note(3))
    (path,) = tmp_path.iterdir()
    path.write_text(note(4))
    with pytest.raises(Refused):
        witness.keep(note(3))
    assert path.read_text() == note(4)


def test_two_checkpoints_of_one_size_are_both_kept(tmp_path: Path) -> None:
    witness = FolderWitness(tmp_path)
    witness.keep(note(3))
    witness.keep(note(3, more="duly-reconciled 12 BBBB\n"))
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "torn", [b"duly-1/default\n", b"duly-1/default\n4\nAA", b"duly-1/default\n4\nAAAA\n\n\xe2\x80\x94 x"]
)
def test_what_a_crash_left_half_written_in_a_file_is_no_checkpoint_and_goes(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "kept"
    witness = FileWitness(path)
    witness.keep(note(3))
    with path.open("ab") as file:
        file.write(torn)
    assert witness.read() == [note(3)]
    witness.keep(note(4))
    assert witness.read() == [note(3), note(4)]
    assert path.read_text() == note(3) + note(4)


def test_the_same_checkpoint_again_is_not_appended_again(tmp_path: Path) -> None:
    witness = FileWitness(tmp_path / "kept")
    witness.keep(note(3))
    witness.keep(note(3))
    assert witness.read() == [note(3)]


def test_a_checkpoint_is_posted_as_plain_text(server: Server) -> None:
    AddressWitness(server.address).keep(note(3))
    assert server.kept == [note(3)]
    assert server.types == ["text/plain; charset=utf-8"]


def test_409_is_a_refusal_for_good(server: Server) -> None:
    server.post_status = 409
    with pytest.raises(Refused, match="contradicts"):
        AddressWitness(server.address).keep(note(3))


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
def test_any_other_answer_than_2xx_is_a_failure_for_now(server: Server, status: int) -> None:
    server.post_status = status
    with pytest.raises(WitnessError, match=str(status)) as caught:
        AddressWitness(server.address).keep(note(3))
    assert not isinstance(caught.value, Refused)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_address_that_has_no_get_cannot_be_read_back(server: Server, status: int) -> None:
    server.get_status = status
    assert AddressWitness(server.address).read() is None


def test_an_address_that_fails_is_no_empty_witness(server: Server) -> None:
    server.get_status = 500
    with pytest.raises(WitnessError, match="500"):
        AddressWitness(server.address).read()
    gone = server.address
    server.server_close()
    with pytest.raises(WitnessError):
        AddressWitness(gone).read()


def test_a_page_that_holds_no_checkpoints_is_no_empty_witness(server: Server) -> None:
    server.kept.append("<html>hello</html>\n")
    with pytest.raises(WitnessError, match="no checkpoint"):
        AddressWitness(server.address).read()


def test_several_witnesses_stand_with_commas_between(tmp_path: Path) -> None:
    named = f"{tmp_path}/a/, {tmp_path}/b,https://witness.example/duly"
    kinds = [type(one) for one in open_witnesses(Settings(witness=named))]
    assert kinds == [FolderWitness, FileWitness, AddressWitness]


@pytest.mark.parametrize(
    "named",
    [
        "http://witness.example/",
        "https://user@witness.example/",
        "https://witness.example/?q=1",
        "https://",
        "ftp://witness.example/",
        "{}/x,,{}/y",
        "{}/absent/file",
        "{}/absent/folder/",
    ],
)
def test_a_bad_witness_is_found_at_the_start(tmp_path: Path, named: str) -> None:
    with pytest.raises(SettingsError, match="DULY_WITNESS"):
        open_witnesses(Settings(witness=named.format(tmp_path, tmp_path)))


def test_an_address_is_shown_without_its_path_which_may_give_access() -> None:
    assert AddressWitness("https://witness.example/secret-token").name == "https://witness.example"


def test_notes_are_told_apart_by_their_signatures() -> None:
    two = note(1).replace("— ", "— first x\n— ")
    assert split(two + note(2)) == [two, note(2)]
