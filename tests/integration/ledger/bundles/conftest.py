"""One told story, its bundle, and ways to change a bundle and to have it checked as a regulator would."""

from __future__ import annotations

import importlib.util
import io
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from scheduler.cli import main
from scheduler.ledger import bundle, keys, verify
from scheduler.ledger.notes import Signer
from scheduler.settings import Settings
from scheduler.store.database import connect
from tests.integration.ledger.bundles.story import LOAN, tell

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Told:
    """A database in which the story was told, and the home of its ledger's key."""

    url: str
    home: Path

    def signer(self) -> Signer:
        """Who signs for its ledger."""
        with connect(self.url) as connection:
            ((origin,),) = connection.execute("SELECT origin FROM ledger WHERE lender_id = 'default'").fetchall()
        return keys.signer(Settings(home=self.home), origin)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command or the program said and how it ended."""

    code: int
    out: str
    err: str = ""

    @property
    def wrong(self) -> str:
        """The one line that names what is wrong."""
        (line,) = [line for line in self.out.splitlines() if line.startswith("WRONG")]
        return line


Duly = Callable[..., Ended]


def unpacked(data: bytes) -> Files:
    """The files of a ZIP."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def resigned(files: Mapping[str, bytes], signer: Signer) -> Files:
    """The files with a manifest of whoever signs, as a lender might make it who has changed something."""
    plain = {name: data for name, data in files.items() if name not in (bundle.MANIFEST, bundle.VERIFY)}
    return unpacked(bundle.packed(plain, signer))


@pytest.fixture(scope="module")
def told(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The story, told once for a module."""
    home = tmp_path_factory.mktemp("told") / "home"
    home.mkdir()
    tell(module_database_url, home)
    return Told(module_database_url, home)


@pytest.fixture
def duly(told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Duly:
    """The command line on it, in a folder of the test's own."""
    for variable in ("LEDGER_KEY", "LEDGER_KEY_NEXT", "LEDGER_ORIGIN", "WITNESS"):
        monkeypatch.delenv(f"DULY_{variable}", raising=False)
    monkeypatch.setenv("DULY_DATABASE_URL", told.url)
    monkeypatch.setenv("DULY_HOME", str(told.home))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Ended:
        capsys.readouterr()
        code = main.execute([str(one) for one in arguments])
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return call


@pytest.fixture
def files(duly: Duly, tmp_path: Path) -> Files:
    """The files of the bundle of LOAN."""
    ended = duly("ledger", "bundle", LOAN, "--out", tmp_path / "given.zip")
    assert ended.code == 0, ended
    return unpacked((tmp_path / "given.zip").read_bytes())


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Write files into a folder and have ``verify.py`` check it."""
    place = tmp_path / "checked"

    def call(files: Mapping[str, bytes], *options: object) -> Ended:
        shutil.rmtree(place, ignore_errors=True)
        for name, data in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(data)
        capsys.readouterr()
        code = verify.main([str(place), *map(str, options)])
        return Ended(code, capsys.readouterr().out)

    return call


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment that has cryptography and what it needs, and nothing else."""
    home = tmp_path_factory.mktemp("bare")
    venv.create(home, with_pip=False, symlinks=True)
    (site,) = home.glob("lib/python*/site-packages")
    for package in ("cryptography", "cffi", "pycparser", "_cffi_backend"):
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            pytest.skip(f"{package} is not installed here, so it cannot be put into a fresh environment")
        origin = Path(found.origin)
        if origin.name == "__init__.py":
            shutil.copytree(origin.parent, site / package)
        else:
            shutil.copy(origin, site)
    python = home / "bin" / "python"
    code = (
        "import importlib.util as u; print([n for n in ('scheduler', 'policies', 'psycopg', 'yaml') if u.find_spec(n)])"
    )
    seen = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, cwd=home)
    assert seen.stdout == "[]\n", (seen, sys.version)
    return python
