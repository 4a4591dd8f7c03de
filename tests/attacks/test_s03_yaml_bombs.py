"""S3: no file takes long, fills the memory, or is read otherwise than it is written; each refusal names a place."""

from __future__ import annotations

import json
import time

import pytest

from tests.attacks.journey import POLICY
from tests.attacks.policies import PATIENCE_S, errors_of, line_of

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
)
BOMBS: dict[str, str | bytes] = {
    "a billion laughs": LAUGHS,
    "an anchor": "policy: &x y\n",
    "an alias": "policy: *x\n",
    "a merge": "a: {b: 1}\nc: {<<: *a}\n",
    "a tag that runs code": "policy: !!python/object/apply:os.system ['id']\n",
    "a tag that opens a file": "policy: !!python/object/new:open ['/etc/passwd']\n",
    "a tag of another type": "policy: !!binary aGk=\n",
    "a tag of its own": "policy: !x y\n",
    "a key twice": "policy: a\npolicy: b\n",
    "a key twice in other words": 'policy: a\n"pol\\u0069cy": b\n',
    "30,000 brackets": "[" * 30_000,
    "30,000 braces": "{a: " * 30_000,
    "15,000 of both": "[{" * 15_000,
    "20,000 question marks": "? " * 20_000,
    "a deep list": "- " * 5_000 + "x",
    "300 kB": "policy: " + "x" * 300_000,
    "300 kB of nothing": b"\0" * 300_000,
    "3 MB": "#" * 3_000_000,
    "a second document": "policy: a\n---\npolicy: b\n",
    "a directive": "%YAML 1.1\n---\npolicy: a\n",
    "20,000 keys": "".join(f"k{n}: 1\n" for n in range(20_001)),
    "9,900 keys that are unknown": "{" + ",".join(f"k{n}: {n}" for n in range(9_900)) + "}",
    "50,000 quotes": '"' * 50_001,
    "100,000 colons": ":" * 100_000,
    "a key of 100 kB": "? " + "k" * 100_000 + "\n: 1\n",
    "a key that is a list": "[a, b]: c\n",
    "a text folded 40,000 times": "policy: >\n" + "  x\n\n" * 40_000,
    "200,000 blanks": "policy: |\n" + " " * 200_000 + "x\n",
    "tabs": "policy:\n\t\tx\n",
    "UTF-16": "policy: a\n".encode("utf-16"),
    "half a character": b"policy: \xed\xa0\x80\n",
    "a NUL": "policy: a\0b\n",
    "an escaped NUL": 'policy: "a\\0b"\n',
    "an escape sequence": "policy: \x1b[31m\n",
    "a hidden direction": 'policy: "a\\u202eb"\n',
    "nothing": "",
    "only a comment": "# nothing\n",
    "a number": "42\n",
}
COMMANDS = {
    "a policy": ("policy", "check"), "a pack": ("rules", "check"), "a case file": ("rules", "judge"),
    "a test file": ("policy", "test"),
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_no_hostile_file_takes_long_or_is_taken(duly, tmp_path, command):
    path = tmp_path / "hostile.test.yaml"
    # One reader reads them all: the whole list is tried on a policy.
    tried = BOMBS if command == ("policy", "check") else dict(list(BOMBS.items())[::3])
    for name, data in tried.items():
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        begun = time.process_time()
        ended = duly(*command, path)
        assert time.process_time() - begun < PATIENCE_S, name
        assert ended.code == 1, name
        said = ended.out + ended.err
        assert f"{path}:" in said, name
        place = said[said.index(f"{path}:") + len(f"{path}:") :].split(":", 2)
        assert place[0].isdigit() and place[1].isdigit(), name
        assert "fault of duly" not in said and "Traceback" not in said, name
        assert len(said) < 1_000_000, name


def test_thousands_of_mistakes_are_told_in_part_and_counted(duly, tmp_path):
    errors = errors_of(duly, tmp_path / "policy.yaml", BOMBS["9,900 keys that are unknown"])
    assert len(errors) == 501
    assert errors[-1]["code"] == "more-problems"
    assert int(errors[-1]["found"]) >= 9_400


@pytest.mark.parametrize("name", ["NO", "null", "1e3", "0x1f", "012", "2026-01-01", "true", "off", "~"])
def test_no_word_becomes_a_value_of_another_type(duly, tmp_path, name):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.replace("languages:", f"title: {name}\nlanguages:"), encoding="utf-8")
    ended = duly("policy", "show", "--json", path)
    assert json.loads(ended.out)["canonical"]["title"] == name


def test_a_time_is_no_number_in_base_60_and_an_amount_keeps_its_last_nought(duly, tmp_path):
    path = tmp_path / "policy.yaml"
    text = f"send_at: 21:00\noverdue_from: 10.10\n{POLICY}".replace("due + 1 day, 10:00", "due + 1 day")
    path.write_text(text, encoding="utf-8")
    canonical = json.loads(duly("policy", "show", "--json", path).out)["canonical"]
    assert canonical["steps"][0]["at"]["time"] == "21:00"
    assert canonical["overdue_from"] == "10.10"


@pytest.mark.parametrize("region", ["NO", "no", "off", "1", "~"])
def test_norway_is_no_falsehood(duly, tmp_path, region):
    text = POLICY.replace("currency:", f"applies_to: {{region: {region}}}\ncurrency:", 1)
    errors = errors_of(duly, tmp_path / "policy.yaml", text)
    assert bool(errors) == (region != "NO")
    assert {one["line"] for one in errors} <= {line_of("currency:")}
