"""The guard opens no closed time; more knowledge or more rules never loosen it; its deferrals keep their word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from policies.compliance.dossier import Evidence
from policies.compliance.guard import DEFER, SEND, SUPPRESS, Verdict, judge
from policies.compliance.kinds import Rule, Window
from tests.property.guard_worlds import OFTEN, World, book, evidence, rules, windows, worlds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def verdict(world: World, *more: tuple[Rule, ...]) -> Verdict:
    return judge(world.asked, world.dossier, book(world.rules, *more), world.now)


def follow(check: Callable[..., str], *drawn: st.SearchStrategy[object]) -> Counter[str]:
    """Check many worlds; how often the law was at stake, by what was answered."""
    at_stake: Counter[str] = Counter()

    @OFTEN
    @given(st.tuples(*drawn))
    def examine(values: tuple[object, ...]) -> None:
        at_stake[check(*values)] += 1

    examine()
    return at_stake


def is_open(window: Window, zones: list[str], at: int) -> bool:
    for name in zones:
        local = (_EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(name))
        second = local.hour * 3600 + local.minute * 60 + local.second
        if not any(opens <= second < closes for opens, closes in window.hours[local.weekday()]):
            return False
    return True


def test_nothing_is_sent_or_deferred_into_a_closed_window_of_any_place() -> None:
    def check(world: World, more: list[Window]) -> str:
        world = replace(world, rules=(*more, *(r for r in world.rules if r.rule_id not in {m.rule_id for m in more})))
        found = verdict(world)
        at = world.now if found.decision == SEND else found.until
        if at is None:
            return SUPPRESS
        places = [name for one in world.dossier.evidence for name in one.zones]
        for rule in world.rules:
            if isinstance(rule, Window) and (not rule.channels or world.asked[0].channel in rule.channels):
                assert is_open(rule, places if rule.zone is None else [rule.zone], at), (rule, at)
        return found.decision

    seen = follow(check, worlds(), st.lists(windows(), min_size=1, max_size=2, unique_by=lambda r: r.rule_id))
    assert min(seen[SEND], seen[DEFER]) >= 10, seen


def never_looser(before: Verdict, after: Verdict) -> str:
    order = (SEND, DEFER, SUPPRESS)
    assert order.index(after.decision) >= order.index(before.decision), (before, after)
    if before.decision == after.decision == DEFER:
        assert before.until is not None and after.until is not None
        assert after.until >= before.until, (before, after)
    return f"{before.decision} {after.decision}"


def test_one_more_sign_of_where_the_person_may_be_never_loosens() -> None:
    def check(world: World, more: Evidence) -> str:
        dossier = world.dossier._replace(evidence=(*world.dossier.evidence, more))
        return never_looser(verdict(world), verdict(replace(world, dossier=dossier)))

    seen = follow(check, worlds(), evidence())
    assert min(seen["send send"], seen["defer defer"], seen["send defer"] + seen["defer suppress"]) >= 5, seen


def test_one_more_rule_or_pack_never_loosens() -> None:
    def check(world: World, more: tuple[Rule, ...], same_pack: bool) -> str:
        more = tuple(replace(rule, rule_id=f"MORE-{rule.rule_id}") for rule in more)
        wider = replace(world, rules=(*world.rules, *more))
        return never_looser(verdict(world), verdict(wider) if same_pack else verdict(world, more))

    seen = follow(check, worlds(), rules(), st.booleans())
    assert min(seen["send send"], seen["send defer"], seen["defer defer"]) >= 5, seen


def test_the_order_of_the_packs_changes_nothing_but_whom_is_named_first() -> None:
    def check(world: World, more: tuple[Rule, ...]) -> str:
        more = tuple(replace(rule, rule_id=f"MORE-{rule.rule_id}") for rule in more)
        one = judge(world.asked, world.dossier, book(world.rules, more), world.now)
        other = judge(world.asked, world.dossier, book(more, world.rules), world.now)
        assert (one.decision, one.until) == (other.decision, other.until)
        return one.decision

    seen = follow(check, worlds(), rules())
    assert min(seen[SEND], seen[DEFER], seen[SUPPRESS]) >= 5, seen


def test_asked_again_at_the_end_of_its_deferral_the_guard_says_send_and_not_a_second_sooner() -> None:
    def check(world: World, share: float) -> str:
        found = verdict(world)
        if found.until is None:
            return found.decision
        assert verdict(replace(world, now=found.until)).decision == SEND
        before = world.now + int((found.until - 1 - world.now) * share)
        again = verdict(replace(world, now=before))
        assert (again.decision, again.until) == (DEFER, found.until), (found, before, again)
        return found.decision

    seen = follow(check, worlds() | worlds(joint=True), st.sampled_from((0.25, 0.5, 0.9, 1.0)))
    assert min(seen[SEND], seen[DEFER]) >= 20, seen


def test_a_step_on_several_channels_waits_for_each_of_them() -> None:
    def check(world: World) -> str:
        found = verdict(world)
        for one in world.asked:
            never_looser(verdict(replace(world, asked=(one,))), found)
        return found.decision

    seen = follow(check, worlds(joint=True))
    assert min(seen[SEND], seen[DEFER], seen[SUPPRESS]) >= 5, seen


def test_what_every_rule_says_agrees_with_the_verdict() -> None:
    def check(world: World) -> str:
        found = judge(world.asked, world.dossier, book(world.rules), world.now, every=True)
        plain = verdict(world)
        assert (found.decision, found.until, found.rules) == (plain.decision, plain.until, plain.rules)
        assert [result.rule for result in found.results] == list(world.rules)
        closed = {r.rule.rule_id for r in found.results if r.outcome in ("defers", "forbids")}
        assert closed == {rule.rule_id for rule in plain.rules}
        return found.decision

    seen = follow(check, worlds())
    assert min(seen[SEND], seen[DEFER], seen[SUPPRESS]) >= 5, seen
