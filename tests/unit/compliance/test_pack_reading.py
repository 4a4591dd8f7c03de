"""A pack is read whole or refused: every mistake at its line and column, all of them at once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.compliance import kinds
from policies.compliance.kinds import Cap, Counts, Lift, Notice, Pack, Stop, Window
from policies.compliance.packs import built_in
from policies.compliance.reading import read_pack
from policies.compliance.vocabulary import CHANNEL_CLASSES
from policies.problems import Problem

COMPLIANCE = Path(kinds.__file__).parent
HERE = "§"
"""Marks in a text where the problem is."""

HEAD = "pack: ours\ntitle: Ours\n"
SAYS = "    text: A sentence.\n    status: policy\n    sure: high\n    cite: a letter\n"
LIFT = f"  OUR-LIFT:\n    kind: lift\n    by: consent\n    to: hours\n{SAYS}"


def rule(keys: str, rule_id: str = "OUR-1", says: str = SAYS) -> str:
    """A pack of one rule with these keys, one a line."""
    lines = "".join(f"    {line}\n" for line in keys.strip().splitlines())
    return f"{HEAD}rules:\n  {rule_id}:\n{lines}{says}"


def read(text: str, others: tuple[Pack, ...] = ()) -> tuple[Pack | None, list[Problem]]:
    return read_pack("ours.yaml", text, others)


WINDOW = 'kind: window\nhours: "08:00-21:00"\n'
CAP = "kind: cap\nmost: 3\ndays: 7\n"

MISTAKES: list[tuple[str, str]] = [
    ("not-a-pack", "§- one\n- two\n"),
    ("missing-key", f"§title: Ours\nrules:\n  OUR-1:\n    kind: quiet\n{SAYS}"),
    ("missing-key", rule("kind: quiet", says=SAYS.replace("    cite: a letter\n", "")).replace("OUR-1", "§OUR-1")),
    ("missing-key", f"{HEAD}rules:\n  §OUR-1:\n{SAYS}"),
    ("missing-key", rule("kind: window").replace("OUR-1", "§OUR-1")),
    ("no-rules", f"{HEAD}rules: §{{}}\n"),
    ("unknown-key", f"{HEAD}§lender: us\nrules:\n  OUR-1:\n    kind: quiet\n{SAYS}"),
    ("unknown-key", rule("kind: quiet\n§hours: 3")),
    ("unknown-key", rule(f"{CAP}counts: {{channels: call, §outcome: busy}}")),
    ("wrong-shape", rule("kind: stop\nbegins: strike\nwhen: §strike")),
    ("unknown-kind", rule("kind: §windows")),
    ("unknown-channel", rule(f"{WINDOW}channels: [sms, §fax]")),
    ("unknown-purpose", rule(f"{WINDOW}but_purposes: §dunning")),
    ("unknown-stage", rule(f"{WINDOW}stages: §late")),
    ("unknown-relation", rule("kind: relation\nallows: [borrower, §aunt]")),
    ("unknown-mode", rule(f"{CAP}modes: §robot")),
    ("unknown-outcome", rule(f"{CAP}counts: {{outcomes: §talked}}")),
    ("unknown-address-kind", rule(f"{WINDOW}address_kinds: §office")),
    ("unknown-actors", rule(f"{WINDOW}actors: §lender")),
    ("unknown-status", rule("kind: quiet", says=SAYS.replace("policy", "§statute"))),
    ("unknown-sureness", rule("kind: quiet", says=SAYS.replace("high", "§certain"))),
    ("unknown-count", rule(f"{CAP}per: §loan")),
    ("unknown-scope", rule("kind: opt_out\nscope: §number")),
    ("unknown-way", rule("kind: lift\nby: §magic")),
    ("unknown-reply", rule("kind: lift\nby: reply\nto: §letter")),
    ("unknown-zone", f"{HEAD}zones: [§Europe/Londen]\nrules:\n  OUR-1:\n    kind: quiet\n{SAYS}"),
    ("unknown-zone", rule(f"{WINDOW}zone: §UTC+1")),
    ("unknown-pack", f"{HEAD}over: [§us-reg-g]\nrules:\n  OUR-1:\n    kind: quiet\n{SAYS}"),
    ("pack-name-taken", f"pack: §house\ntitle: Ours\nrules:\n  OUR-1:\n    kind: quiet\n{SAYS}"),
    ("pack-name-taken", f"pack: §us_federal\ntitle: Ours\nrules:\n  OUR-1:\n    kind: quiet\n{SAYS}"),
    ("pack-name-taken", f"{HEAD}aliases: [§us_reg_f]\nrules:\n  OUR-1:\n    kind: quiet\n{SAYS}"),
    ("rule-id-taken", rule("kind: quiet", "§US-TIME-01")),
    ("duplicate-key", f"{HEAD}rules:\n  OUR-1:\n    kind: quiet\n{SAYS}  §OUR-1:\n    kind: quiet\n{SAYS}"),
    ("bad-rule-id", rule("kind: quiet", "§lunch")),
    ("bad-name", f"pack: §Our Rules\ntitle: Ours\nrules:\n  OUR-1:\n    kind: quiet\n{SAYS}"),
    ("bad-prose", rule("kind: quiet", says=SAYS.replace("A sentence.", "§" + "x" * 4_001))),
    ("bad-fact", rule(f'{WINDOW}when: {{§"days late": true}}')),
    ("bad-pattern", rule("kind: stop\nbegins: §Strike!")),
    ("bad-consent", rule("kind: consent\nto: §Everything!")),
    ("not-a-text", rule("kind: quiet", says=SAYS.replace("A sentence.", "§[A, sentence]"))),
    ("not-a-test", rule(f'{WINDOW}when: {{days_past_due: §"about 15"}}')),
    ("not-a-test", rule(f"{WINDOW}when: {{zones: §many}}")),
    ("not-a-whole-number", rule("kind: cap\nmost: §three\ndays: 7")),
    ("not-a-whole-number", rule("kind: cap\nmost: §0\ndays: 7")),
    ("not-a-switch", rule(f"{CAP}spent: §perhaps")),
    ("not-a-date", rule(f"{WINDOW}effective: {{from: §1 March}}")),
    ("not-a-date", rule(f"{WINDOW}effective: {{from: §2026-02-30}}")),
    ("effective-ends-early", rule(f"{WINDOW}effective: {{from: 2026-03-02, to: §2026-03-01}}")),
    ("not-hours", rule('kind: window\nhours: §"8-21"')),
    ("not-hours", rule('kind: window\nhours: {mon-fri: §"08:00-25:00"}')),
    ("hours-upside-down", rule('kind: window\nhours: §"20:00-06:00"')),
    ("hours-overlap", rule('kind: window\nhours: §"08:00-12:00, 11:00-18:00"')),
    ("not-days", rule('kind: window\nhours: {§weekdays: "08:00-18:00"}')),
    ("day-twice", rule('kind: window\nhours: §{mon-fri: "08:00-18:00", fri: "08:00-12:00"}')),
    ("never-open", rule("kind: window\nhours: §{mon-sun: closed}")),
    ("never-open", rule("kind: window\nhours: §closed")),
    ("no-holidays-known", rule(f"{WINDOW}holidays: §XX")),
    ("not-a-region", f"{HEAD}regions: [§Germany]\nrules:\n  OUR-1:\n    kind: quiet\n{SAYS}"),
    ("not-a-length", rule("kind: lift\nby: reply\nwithin: §a while")),
    ("listed-twice", rule(f"{WINDOW}channels: §[sms, sms]")),
    ("bad-list-length", rule("kind: content\nforbids: §[]")),
    ("cap-without-span", rule("kind: cap\nmost: §3")),
    ("cap-without-span", rule("kind: cap\nmost: §3\ndays: 7\nhours: 24")),
    ("unknown-exception", rule(f"{WINDOW}unless: [§US-TIME-06]")),
    ("not-an-exception", rule(f"{WINDOW}unless: [§OUR-1]")),
    ("nothing-to-lift", rule("kind: scope\nunless: §[OUR-LIFT]") + LIFT),
    ("two-exceptions", f"{HEAD}rules:\n  OUR-1:\n    §- by: used\n      kind: lift\n{SAYS.replace('    ', '      ')}"
     f"    - by: used\n      kind: lift\n{SAYS.replace('    ', '      ')}"),
    ("not-for-this-exception", rule("kind: lift\nby: used\nwithin: §5 minutes")),
    ("exception-without-fact", rule("kind: lift\nby: §fact")),
    ("stop-without-beginning", rule("§kind: stop")),
    ("stop-without-beginning", rule("kind: stop\nwhen: {strike: true}\ndays: §30")),
    ("empty-file", "§"),
    ("yaml-syntax", "pack: 'ours\n§"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "marked"), MISTAKES, ids=[f"{n}-{code}" for n, (code, _) in enumerate(MISTAKES)])
def test_a_mistake_is_found_where_it_stands(code: str, marked: str) -> None:
    before, _, after = marked.partition(HERE)
    pack, problems = read(before + after, tuple(built_in().values()))
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    assert pack is None
    assert (code, place) in [(p.code, (p.line, p.column)) for p in problems], problems
    found = next(p for p in problems if p.code == code)
    assert found.severity == "error" and found.message
    assert found.remedy or found.code == "yaml-syntax"
    assert [p.code for p in problems] == [code], "one mistake is told as one"


def test_every_code_of_the_reader_has_its_mistake() -> None:
    shown = {code for code, _ in MISTAKES}
    assert {code for name in ("reading.py", "pack_leaves.py") for code in codes(COMPLIANCE / name)} - shown == set()


def codes(path: Path) -> set[str]:
    """The codes that a module gives to problems: what ``failure`` and its like, and ``error``, are called with."""
    found = set()
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call):
            name = ast.unparse(call.func).rpartition(".")[2]
            at = {"failure": 0, "one_of": 0, "_shaped": 0, "error": 1, "_error": 1}.get(name)
            if at is not None and len(call.args) > at:
                argument = call.args[at]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    found.add(argument.value)
    return found


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    pack, problems = read(
        "pack: ours\ntitle: Ours\nzones: [Mars/Olympus]\nrules:\n"
        f"  OUR-1:\n    kind: window\n    hours: '25:00-26:00'\n    channels: [fax]\n{SAYS}"
        f"  OUR-2:\n    kind: cap\n    most: 0\n{SAYS}"
    )
    assert pack is None
    assert [(p.line, p.code) for p in problems] == [
        (3, "unknown-zone"), (7, "not-hours"), (8, "unknown-channel"), (15, "not-a-whole-number"),
    ]  # fmt: skip


def test_a_near_word_is_offered() -> None:
    _, problems = read(rule("kind: windwo"))
    assert [p.remedy for p in problems] == ["did you mean 'window'?"]
    _, problems = read(rule(f"{WINDOW}unless: OUR-LIFF") + LIFT)
    assert [p.remedy for p in problems] == ["did you mean 'OUR-LIFT'?"]


def test_an_unknown_key_of_a_rule_is_told_with_the_keys_of_its_kind() -> None:
    _, problems = read(rule("kind: retention\nyears: 3\nwhat: the call\nhuors: 3"))
    assert len(problems) == 1
    expected = (problems[0].expected or "").split(", ")
    assert "years" in expected and "what" in expected and "hours" not in expected


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    pack, problems = read(text)
    assert (pack is None) == any(p.severity == "error" for p in problems)


PACK = (COMPLIANCE / "packs" / "us-nyc.yaml").read_text(encoding="utf-8")


@given(
    st.integers(0, len(PACK)),
    st.integers(0, 12),
    st.sampled_from(["", "\n", ": ", "- ", "{", "[a, b]", "  ", "9", '"']),
)
def test_a_pack_with_a_slip_of_the_pen_is_read_or_refused_at_a_place(at: int, cut: int, put: str) -> None:
    text = PACK[:at] + put + PACK[at + cut :]
    pack, problems = read(text, tuple(built_in()[name] for name in ("us-reg-f", "us-tcpa")))
    assert (pack is None) == bool(problems)
    rows = text.count("\n") + 1
    assert all(1 <= p.line <= rows + 1 and p.column >= 1 for p in problems)


# --- what is read ----------------------------------------------------------------------------------------------------


def only(text: str) -> kinds.Rule:
    pack, problems = read(text)
    assert problems == []
    assert pack is not None and len(pack.rules) == 1
    return pack.rules[0]


def test_hours_by_day_leave_the_other_days_closed() -> None:
    found = only(rule('kind: window\nhours: {mon-fri: "07:30-12:00, 13:00-21:00", sun: "09:00-24:00"}'))
    assert isinstance(found, Window)
    workday = ((27_000, 43_200), (46_800, 75_600))
    assert found.hours == (workday,) * 5 + ((), ((32_400, 86_400),))


def test_a_class_of_channels_is_all_of_its_members() -> None:
    found = only(rule(f"{WINDOW}channels: [voice, sms]"))
    assert found.channels == {*CHANNEL_CLASSES["voice"], "sms"}


def test_the_last_day_in_force_is_a_day_in_force() -> None:
    found = only(rule(f"{WINDOW}effective: {{from: 2026-09-01, to: 2026-09-01}}"))
    assert found.since is not None and found.until == found.since + 1


def test_a_cap_says_what_it_counts() -> None:
    found = only(
        rule(f"{CAP}per: debt\ncounts: {{channels: voice, but_outcomes: [busy], consented: false, ours: true}}")
    )
    assert isinstance(found, Cap) and (found.most, found.days, found.per, found.spent) == (3, 7, "debt", False)
    voice = frozenset(CHANNEL_CLASSES["voice"])
    assert found.counts == Counts(channels=voice, but_outcomes=frozenset({"busy"}), consented=False, ours=True)


def test_one_name_alone_is_a_list_of_it() -> None:
    found = only(rule("kind: stop\nbegins: strike\nends: [strike_over, strike_off]\ndefault_days: 30"))
    assert isinstance(found, Stop)
    assert (found.begins, found.ends, found.default_days) == (("strike",), ("strike_over", "strike_off"), 30)


def test_minutes_are_read_as_seconds_and_an_exception_is_to_what_was_written() -> None:
    found = only(rule("kind: lift\nby: reply\nwithin: 5 minutes"))
    assert isinstance(found, Lift) and (found.within_s, found.to, found.most) == (300, "inbound", 1)


def test_a_notice_has_its_waits() -> None:
    found = only(rule("kind: notice\nnotice: told\nwait_days: 14\nwait_until: true"))
    assert isinstance(found, Notice) and (found.notice, found.wait_days, found.wait_until) == (("told",), 14, True)


def test_several_rules_may_stand_under_one_id() -> None:
    says = SAYS.replace("    ", "      ")
    pack, problems = read(
        f"{HEAD}rules:\n  OUR-1:\n    - kind: quiet\n{says}    - kind: window\n      hours: '08:00-21:00'\n{says}"
    )
    assert problems == [] and pack is not None
    assert [(one.rule_id, type(one).__name__) for one in pack.rules] == [("OUR-1", "Quiet"), ("OUR-1", "Window")]


def test_a_rule_names_its_pack_and_its_exceptions() -> None:
    pack, problems = read(rule(f"{WINDOW}unless: OUR-LIFT") + LIFT)
    assert problems == [] and pack is not None
    assert {one.pack for one in pack.rules} == {"ours"}
    assert pack.rules[0].unless == ("OUR-LIFT",)
