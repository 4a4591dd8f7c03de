"""Hosts of their own on one machine: network namespaces, each joined to a bridge by a wire that can be cut."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

NETWORK = "10.77.0"


def missing() -> str | None:
    """Why there can be no such hosts here; none, where there can."""
    if shutil.which("ip") is None:
        return "there is no command ip (iproute2)"
    name = f"duly-try-{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"no network namespace can be made: {tried.stderr.strip()}"
    tried = subprocess.run(
        ["ip", "-n", name, "link", "add", "br0", "type", "bridge"], capture_output=True, text=True, check=False
    )
    _ip("netns", "del", name)
    return f"no bridge can be made: {tried.stderr.strip()}" if tried.returncode else None


@dataclass(frozen=True, slots=True)
class Host:
    """One of the hosts; ``address`` is its address on the bridge, ``wire`` the bridge's end of its wire."""

    space: str
    switch: str
    wire: str
    address: str
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """A process of this host, the first of a process group; what it says is added to ``log``."""
        with log.open("ab") as out:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.space, *words], env=dict(environment), stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, process_group=0,
            )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, words: Sequence[str], environment: Mapping[str, str]) -> str:
        """What a command that is run on this host says; it must end well."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.space, *words], env=dict(environment), capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout[-1000:]} {done.stderr[-2000:]}"
        return done.stdout

    def cut(self) -> None:
        """Take its wire off: nothing arrives or leaves, and nobody is told."""
        _ip("-n", self.switch, "link", "set", self.wire, "down")

    def join(self) -> None:
        """Put its wire back."""
        _ip("-n", self.switch, "link", "set", self.wire, "up")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of this host."""
        found = subprocess.run(["ip", "netns", "pids", self.space], capture_output=True, text=True, check=True)
        for pid in found.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), number)


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """So many hosts on one bridge; in the end their processes are killed and nothing of them is left."""
    switch = f"duly-{os.getpid()}-switch"
    made: list[Host] = []
    _ip("netns", "add", switch)
    try:
        _ip("-n", switch, "link", "add", "br0", "type", "bridge")
        _ip("-n", switch, "link", "set", "br0", "up")
        for number in range(1, count + 1):
            one = Host(f"duly-{os.getpid()}-{number}", switch, f"w{number}", f"{NETWORK}.{number}")
            _ip("netns", "add", one.space)
            made.append(one)
            _ip("-n", switch, "link", "add", one.wire, "type", "veth", "peer", "name", "eth0", "netns", one.space)
            _ip("-n", switch, "link", "set", one.wire, "master", "br0", "up")
            _ip("-n", one.space, "link", "set", "lo", "up")
            _ip("-n", one.space, "addr", "add", f"{one.address}/24", "dev", "eth0")
            _ip("-n", one.space, "link", "set", "eth0", "up")
        yield made
    finally:
        for one in made:
            one.signal(signal.SIGKILL)
            for process in one.started:
                process.wait()
            _ip("netns", "del", one.space)
        _ip("netns", "del", switch)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}"
