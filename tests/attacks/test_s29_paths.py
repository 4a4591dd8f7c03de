"""S29: no name in a file or a book leads to another file, and none of ours is written elsewhere than it should be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.attacks.journey import POLICY, SPAN, book, write_book
from tests.attacks.policies import errors_of, line_of

PATHS = [
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    "../x",
    "a/b",
    "a\\\\b",
    "C:\\\\x",
    "file:///etc/passwd",
    "~/x",
    "x\\0y",
]
SHADOWED = "root:x:0:0"


@pytest.mark.parametrize("path", PATHS[::2])
@pytest.mark.parametrize(
    "old",
    ["plain", "note, by", "reminder:", "{house: off}", "sms: {en", "  note:", "[en]"],
    ids=["policy", "message of a step", "step", "rules", "channel", "message", "language"],
)
def test_no_name_in_a_policy_is_a_path(duly, tmp_path, old, path):
    new = f'"{path}"'
    new += ":" if old.endswith(":") else ", by" if old.endswith("by") else ": {en" if "{en" in old else ""
    new = f"  {new}" if old.startswith("  ") else f"[{new}]" if old in ("{house: off}", "[en]") else new
    errors = errors_of(duly, tmp_path / "policy.yaml", POLICY.replace(old, new, 1))
    assert line_of(old) in {one["line"] for one in errors}
    assert SHADOWED not in str(errors)


@pytest.mark.parametrize(
    "text",
    [
        "{template: ../../etc/passwd}", "{include: /etc/passwd}", "!include /etc/passwd", "{file: /etc/passwd}",
        '"{% include \'/etc/passwd\' %}"', '"{% render \'../x\' %}"', "{$ref: /etc/passwd}", "<<: /etc/passwd",
    ],
)  # fmt: skip
def test_no_text_of_a_policy_is_read_from_a_file(duly, tmp_path, text):
    old = '"Dear {{ borrower.first_name }} {{ borrower.last_name }}, please pay."'
    errors = errors_of(duly, tmp_path / "policy.yaml", POLICY.replace(old, text, 1))
    assert errors
    assert SHADOWED not in str(errors)


@pytest.mark.parametrize("path", [*PATHS, "", ".", "link.yaml", "folder", "folder/link.yaml"])
def test_a_test_of_a_policy_reads_no_file_but_one_beside_it(duly, tmp_path, path):
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text("a secret of somebody's\n", encoding="utf-8")
    folder = tmp_path / "tests"
    (folder / "folder").mkdir(parents=True)
    (folder / "link.yaml").symlink_to(elsewhere)
    (folder / "folder" / "link.yaml").symlink_to("/etc/passwd")
    test = folder / "x.test.yaml"
    test.write_text(f'policy: "{path}"\ncases:\n  - {{name: a, borrower: {{}}, expect: []}}\n', encoding="utf-8")
    ended = duly("policy", "test", test)
    assert ended.code == 1
    assert "a secret of somebody's" not in ended.out + ended.err
    assert SHADOWED not in ended.out + ended.err
    assert "fault of duly" not in ended.err


@pytest.mark.parametrize(
    "packs", ["/etc/passwd", "/etc", "..", "/dev/zero", "/dev/null", "none.yaml", "~/x", "$HOME/x", "/:/"]
)
def test_no_odd_path_of_packs_is_taken_or_shown(duly, monkeypatch, packs):
    monkeypatch.setenv("DULY_PACKS", packs)
    ended = duly("rules", "list")
    assert ended.code == 1
    assert ended.err.startswith("duly: ")
    assert len(ended.err.splitlines()) == 1
    assert SHADOWED not in ended.out + ended.err


def test_no_odd_file_is_taken_for_a_policy_or_without_end(duly):
    for path in ("/dev/zero", "/dev/null", "/etc", "/proc/self/environ"):
        for command in (
            ("policy", "check"),
            ("rules", "check"),
            ("rules", "judge"),
            ("policy", "test"),
            ("policy", "show"),
        ):
            ended = duly(*command, path)
            assert ended.code == 1
            assert "fault of duly" not in ended.err
            assert len(ended.out + ended.err) < 5_000


IDS = [
    "../../x",
    "/etc/passwd",
    "a/b",
    "..\\x",
    "x\0y",
    "x y",
    "x\n",
    "é",
    "",
    "a" * 65,
    "%2e%2e",
    "~",
    "*",
    "$(id)",
    "-",
]


@pytest.mark.parametrize("column", ["borrower_id", "loan_id"])
def test_no_id_of_a_book_is_a_path(duly, tmp_path, column):
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    good = "b-001" if column == "borrower_id" else "l-001"
    for number, evil in enumerate(IDS[:-1]):
        files = {name: text.replace(good, f'"{evil}"') for name, text in book({}).items()}
        ended = duly("simulate", policy, write_book(tmp_path / str(number), files))
        assert ended.code == 1, evil
        assert f"{column}: " in ended.err


def listing(folder: Path) -> set[str]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("loan_id", ["..", "-rf", ".bashrc", "a:b"])
def test_whatever_an_id_may_be_its_files_lie_where_they_should(stored, tmp_path, monkeypatch, loan_id):
    here = tmp_path / "deep" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    assert stored("policy", "publish", policy).code == 0
    files = {name: text.replace("l-001", loan_id).replace("b-001", loan_id) for name, text in book({}).items()}
    assert stored("import", write_book(tmp_path / "book", files)).code == 0
    before = listing(tmp_path)
    assert stored("run", "--json", *SPAN).code == 0
    assert stored("ledger", "checkpoint").code == 0
    ended = stored("ledger", "bundle", "--", loan_id)
    assert ended.code == 0, ended.err
    new = listing(tmp_path) - before
    messages = {path for path in new if path.startswith("home/messages/")}
    assert len(messages) == 2
    assert all(set(Path(path).stem) <= set("0123456789abcdef") for path in messages)
    bundles = {path for path in new if not path.startswith("home/")}
    assert bundles
    assert all(path.startswith("deep/here/") and not Path(path).name.startswith((".", "-")) for path in bundles)


def test_no_id_begins_an_option(stored):
    ended = stored("loan", "show", "--", "-rf")
    assert ended.code == 1
    assert json.dumps("-rf")[1:-1] in ended.err
