"""How many verdicts a second the guard gives on one in the US with twenty past contacts; and how many in full."""

from __future__ import annotations

from itertools import cycle, islice
from statistics import median
from time import process_time
from typing import Any

from policies.calendar import zone
from policies.compliance.dossier import Asked, Contact, Dossier, Evidence
from policies.compliance.guard import judge
from policies.compliance.packs import packs_of
from policies.facts import SECOND

FLOORS = {"verdicts": 50_000, "verdicts in full": 20_000}
_HOUR = 3600 * SECOND
_PERSONS = 500
_PLACES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")


def run(rounds: int) -> list[dict[str, Any]]:
    """One row for each floor: the median seconds of processor time of a round of ``n``, and what that is a second."""
    book = packs_of(("us-reg-f", "us-tcpa"), "US-CA")
    proposals = [_proposal(number) for number in range(_PERSONS)]
    rows = []
    for name, every in (("verdicts", False), ("verdicts in full", True)):
        n = 20_000 if not every else 10_000
        spent = []
        for _ in range(rounds + 1):
            began = process_time()
            for asked, dossier, now in islice(cycle(proposals), n):
                judge(asked, dossier, book, now, every=every)
            spent.append(process_time() - began)
        took = median(spent[1:])
        rows.append({"name": name, "n": n, "seconds": round(took, 4), "per_s": round(n / took), "floor": FLOORS[name]})
    return rows


def _proposal(number: int) -> tuple[list[Asked], Dossier, int]:
    """A text or a mail at some hour of the day, and a past of letters, texts, mails and calls over ten weeks."""
    home = zone(_PLACES[number % len(_PLACES)])
    day = 739_680 + number % 28
    now = home.instant(day, (number * 2_777) % 86_400)
    channels = ("email", "sms", "letter", "call")
    past = [
        Contact(
            now - (24 + number % 12 + 85 * back) * _HOUR, f"k{back}", channels[(number + back) % 4], (f"L{number}",),
            outcome="no_answer" if channels[(number + back) % 4] == "call" else None,
        )
        for back in range(20)
    ]  # fmt: skip
    asked = Asked(("sms", "email")[number % 2], debt=f"L{number}", days_past_due=30)
    return [asked], Dossier((Evidence((home.name,)),), past, region="US-CA"), now
