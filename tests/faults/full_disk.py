"""A server whose tables lie on a small tmpfs, which is filled and emptied again; in a mount namespace of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from scheduler.bootstrap import use_pinned_zones
from scheduler.store import database, embedded
from tests.faults.server import Mortal
from tests.faults.test_postgres import ends_well, sends_more, serving

SIZE = "160m"


def fill(folder: Path) -> None:
    """Leave no room at all."""
    with (folder / "filler").open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size):
                    pass


def log_elsewhere(server: Mortal, folder: Path) -> None:
    """The write-ahead log lies on another disk, as it should; without room for that one, PostgreSQL ends itself."""
    data = server.place.data
    owner = data.stat()
    shutil.copytree(data / "pg_wal", folder)
    shutil.rmtree(data / "pg_wal")
    (data / "pg_wal").symlink_to(folder)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    folder.chmod(0o700)


def main(folder: Path) -> None:
    """Prints ``went on`` where all was as it should be."""
    use_pinned_zones()
    server = Mortal(folder / "server")
    base = server.place.base
    server.place.make()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0755", "tmpfs", str(base)], check=True)
    log = base.with_name(f"{base.name}-wal")
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, log, ignore_errors=True)
        stack.callback(base.rmdir)
        stack.callback(subprocess.run, ["umount", "--lazy", str(base)], check=True)
        stack.callback(embedded.stop, server.home)
        database.migrate(server.url)
        server.stop("fast")
        log_elsewhere(server, log)
        server.start()
        with serving(server, folder, persons=120) as done:
            pid = done.world.begin("daemon", dispatch_connections=4)
            sends_more(done)
            fill(base)
            never = threading.Event()
            done.world.until(lambda: "cannot write" in (folder / "nursery.log").read_text(), "the disk is found full")
            never.wait(2.0)
            had = len(done.world.provider.accepted())
            never.wait(4.0)
            assert len(done.world.provider.accepted()) == had, "something was sent on a full disk"
            assert not done.world.gone(pid), done.world.failures
            (base / "filler").unlink()
            sends_more(done)
            ends_well(done, pid)
    sys.stdout.write("went on\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
