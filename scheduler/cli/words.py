"""Rule ids in words: what each rule that can stand in ``because`` says of the outcome that it decided."""

from __future__ import annotations

from typing import Any, Final

RULES: Final = {
    "L1": "Chased instalment: money goes to the oldest instalment first, and the oldest unpaid one is chased",
    "L2": "Before the due date: a step at or before the due date is done once, while its instalment is the chased one",
    "L3": "Order: steps after the due date are done in their written order, each once, at its own time",
    "L4": "Notice: what came late moves what follows, so that the declared distance is kept",
    "L5": "Late: a step whose time had passed is judged at the first instant at which nothing stops it",
    "L6": "The chase moves: a part payment or a further instalment makes steps pending again",
    "L7": "Cure: what was past due is paid, so what is pending of the episode is withdrawn",
    "L8": "Hand-off: it ends the ladder, and needs that its notice was given",
    "L9": "Holds win: while a hold is in force nothing is done or skipped",
    "L10": "The law wins: no message leaves unless the rules allow it at that moment, for that person, on that channel",
    "L11": "Nothing silent: what was decided is recorded with its rule",
    "L12": "Pinned: a contract keeps its version to the end of the episode",
    "L13": "Bounded: every ladder ends, and a loan that is stuck is reported for review",
    "HOUSE-HOURS": "House rule: contact only from 08:00 to 20:00 where the borrower is",
    "HOUSE-DAY": "House rule: at most one contact a day with a person",
    "HOUSE-WEEK": "House rule: at most three contacts in seven days with a person",
    "CHANNEL-NO-ADDRESS": "The borrower has no address for this channel",
    "CHANNEL-OPTED-OUT": "The borrower has opted out of this channel",
    "OFFER-FLOOR": "The offer would lie below its floor, and such an offer is never made",
    "SET-ASIDE": "The loan could not be decided, and is set aside with its reason",
}
"""Each rule in one sentence."""

_SHORT: Final = {
    "L1": "the oldest unpaid instalment is chased",
    "L2": "at its time before the due date",
    "L3": "at its time",
    "L4": "at its notice after the step before",
    "L5": "as soon as nothing stopped it",
    "L6": "pending again",
    "L7": "paid",
    "L8": "the ladder ends here",
    "L9": "a hold is in force",
    "L10": "not allowed now",
    "L11": "terms frozen",
    "L12": "a newer version is current",
    "L13": "reported for review",
    "HOUSE-HOURS": "outside 08:00-20:00",
    "HOUSE-DAY": "one contact a day",
    "HOUSE-WEEK": "three contacts in seven days",
    "CHANNEL-NO-ADDRESS": "no address",
    "CHANNEL-OPTED-OUT": "opted out",
    "OFFER-FLOOR": "the offer is below its floor",
    "SET-ASIDE": "could not be decided",
}

_REASONS: Final = {
    "channel_failed": "the channel before failed",
    "message_skipped": "the message before it was skipped",
    "message_void": "the message before it became void",
    "message_suppressed": "the message before it reached nobody",
    "message_failed": "the message before it failed on every channel",
    "window_closed": "its lawful hours had ended",
    "ladder_ended": "the ladder has ended and the loan is unpaid",
    "stopped_90_days": "stopped for 90 days",
    "episode_days": "unpaid for too long",
}


def rule_in_words(rule: str) -> str:
    """The rule in one sentence, that of a pack with its source; an id that is not known is its own name."""
    from policies.compliance.packs import rule_named

    if rule in RULES:
        return RULES[rule]
    found = rule_named(rule)
    return rule if found is None else f"{found.text} ({found.cite})"


def _short(rule: str) -> str:
    """The rule in a few words; one of a pack by its id and its source."""
    from policies.compliance.packs import rule_named

    if rule in _SHORT:
        return _SHORT[rule]
    found = rule_named(rule)
    return rule if found is None else f"{rule} ({found.cite})"


def why(line: dict[str, Any]) -> str:
    """``because`` of a printed line in a few words, the binding rule first; with ``until`` where there is one."""
    binding, *others = line["because"]
    said = [clause(binding, line["outcome"]), *(_beside(one, line["outcome"]) for one in others)]
    words = "; ".join(dict.fromkeys(said))
    until = line.get("until")
    if until is None:
        return words
    when = f"{until[:10]} {until[11:16]}"
    return f"until {when}: {words}" if line["outcome"] in ("deferred", "hold") else f"{words}, open until {when}"


def _beside(one: dict[str, Any], outcome: str) -> str:
    """What else held, in fewer words: the source of a pack's rule is given where it binds."""
    rule: str = one["rule"]
    return rule if len(one) == 1 and rule not in _SHORT else clause(one, outcome)


def clause(one: dict[str, Any], outcome: str) -> str:
    """One rule of a ``because`` in a few words."""
    rule: str = one["rule"]
    if outcome == "void" and rule in ("L2", "L3", "L13"):
        return {"L2": "its time was over", "L3": "not done within its time", "L13": "what it waits for never came"}[
            rule
        ]
    if outcome == "skipped" and "when" in one:
        return f"not so: {one['when']}"
    if rule == "L10" and len(one) == 1:
        return "at the first lawful instant"
    if outcome == "superseded":
        return "its instalment was paid before"
    if "reason" in one:
        reason: str = _REASONS.get(one["reason"], one["reason"])
        if "instead_of" in one:
            return f"instead of {one['instead_of']}: {reason}"
        return reason if rule != "SET-ASIDE" else f"could not be decided: {reason}"
    if "hand_off" in one:
        return f"to {one['hand_off']}"
    if "hold" in one:
        return f"a hold is in force: {one['hold']}"
    if rule == "L11" and "offer" in one:
        return f"offer {one['offer']}"
    if rule == "L7" and one.get("superseded"):
        return f"paid; no more of {', '.join(one['superseded'])}"
    if "channel" in one:
        return f"{_short(rule)} ({one['channel']})"
    return _short(rule)
