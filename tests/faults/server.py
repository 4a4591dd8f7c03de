"""A PostgreSQL server to be maltreated, and a wire to it that swallows the answers of commits."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import quote, urlencode

from scheduler.store import database, embedded
from scheduler.store.server_place import SOCKET_NAME, Place, find


@dataclass(frozen=True, slots=True)
class Mortal:
    """The embedded server of a home of its own, whose socket stays where it is."""

    home: Path

    @property
    def place(self) -> Place:
        """Its folder."""
        return find(self.home)

    @property
    def url(self) -> str:
        """The database, with the schema."""
        return embedded.start(self.home).url

    def stop(self, manner: str) -> None:
        """``pg_ctl stop -m immediate`` or ``fast``."""
        self.place.run("pg_ctl", ["stop", "-D", "data", "-m", manner, "-w", "-t", "60"], timeout_s=90)

    def start(self) -> None:
        """As any command of duly's starts it."""
        embedded.start(self.home)

    def processes(self) -> list[int]:
        """Its processes, the first one first."""
        first = int((self.place.data / "postmaster.pid").read_text().split("\n", 1)[0])
        found = [first]
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    parent = re.search(r"^PPid:\t(\d+)$", (entry / "status").read_text(), re.MULTILINE)
                    if parent is not None and int(parent[1]) == first:
                        found.append(int(entry.name))
        return found

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP for all of its processes while the block runs."""
        stopped = self.processes()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        # One that was just being started is caught too.
        for pid in set(self.processes()) - set(stopped):
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
        try:
            yield
        finally:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def copy(self, to: Path) -> None:
        """The data folder as it is, aside; the server must not run."""
        shutil.copytree(self.place.data, to, symlinks=True)

    def restore(self, copied: Path) -> None:
        """The data folder as it was; the server must not run."""
        data = self.place.data
        owner, back = data.stat(), data.with_name("data.back")
        shutil.copytree(copied, back, symlinks=True)
        for path in (back, *back.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        back.chmod(0o700)
        shutil.rmtree(data)
        back.rename(data)


@contextmanager
def mortal(home: Path) -> Iterator[Mortal]:
    """A server of its own while the block runs, with the schema in its database."""
    made = Mortal(home)
    try:
        database.migrate(made.url)
        yield made
    finally:
        try:
            embedded.remove(home)
        except embedded.EmbeddedError:
            # It was hurt too much to end in order; nothing of it may be left running.
            for pid in made.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            raise


class Wire:
    """Carries bytes between clients and a server; now and then cuts a connection around a COMMIT.

    ``after``: the server has committed, and its answer is swallowed. ``before``: the COMMIT never reaches it. Which of
    the two, and at which commit, is decided by the seed.
    """

    def __init__(self, server: Path, port: int, folder: Path, seed: int) -> None:
        self.server = server / SOCKET_NAME.format(port=port)
        self.folder = folder
        self.port = port
        self.cut: list[str] = []
        self.armed = threading.Event()
        self._chance = Random(f"{seed}/wire")
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / SOCKET_NAME.format(port=port)))
        self._listener.listen(64)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def url(self, name: str) -> str:
        """The database through this wire."""
        where = urlencode({"host": str(self.folder), "port": self.port}, quote_via=quote)
        return f"postgresql+psycopg://duly@/{name}?{where}"

    def close(self) -> None:
        """Take no more clients."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self.server))
            except OSError:
                client.close()
                server.close()
                continue
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        """Both ways, until one end is gone."""
        swallow = threading.Event()
        back = threading.Thread(target=self._to_client, args=(client, server, swallow), daemon=True)
        back.start()
        self._to_server(client, server, swallow)
        back.join()
        client.close()
        server.close()

    def _to_server(self, client: socket.socket, server: socket.socket, swallow: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                # A COMMIT travels alone: the driver waits for its answer before it says more.
                if data == _COMMIT and self.armed.is_set():
                    with self._lock:
                        word = self._chance.choice(("before", "after", "", ""))
                        if word:
                            self.cut.append(word)
                    if word == "before":
                        break
                    if word == "after":
                        swallow.set()
                server.sendall(data)
        _cut(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket, swallow: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                if swallow.is_set():
                    break
                client.sendall(data)
        _cut(client, server)


_COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


def _cut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
