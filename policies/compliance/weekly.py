"""Times of the week as a lender or a borrower writes them: ``mon-fri 15:00-17:00; sat``."""

from __future__ import annotations

import re
from typing import Final

from policies.compliance.dossier import Times

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_S: Final = 86_400
EXPECTED: Final = "days, hours or both, such as mon-fri 15:00-17:00; sat"
_HOURS: Final = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


def times_of(text: str) -> tuple[Times, ...]:
    """The times that the text names; ValueError says what is wrong with it.

    Parts are separated by ``;``. A part without days means every day, one without hours the whole day; hours that
    end before they begin go on into the next day.
    """
    found: list[Times] = []
    for part in text.split(";"):
        if not part.strip():
            raise ValueError(f"there is nothing between two ';' or at the end; expected {EXPECTED}")
        hours = _HOURS.search(part)
        days = _days((part[: hours.start()] + part[hours.end() :]) if hours else part)
        opens, closes = (0, DAY_S) if hours is None else (_tod(hours[1], hours[2]), _tod(hours[3], hours[4]))
        if opens < closes:
            found.append(Times(days, opens, closes))
        else:
            found.append(Times(days, opens, DAY_S))
            if closes:
                found.append(Times(frozenset((d + 1) % 7 for d in days), 0, closes))
    return tuple(found)


def _tod(hours: str, minutes: str) -> int:
    seconds = int(hours) * 3600 + int(minutes) * 60
    if int(minutes) > 59 or seconds > DAY_S:
        raise ValueError(f"{hours}:{minutes} is no time of day; expected 00:00 to 24:00")
    return seconds


def _days(text: str) -> frozenset[int]:
    words = [word for word in re.split(r"[\s,]+", text.strip().lower()) if word]
    if not words:
        return frozenset(range(7))
    found: set[int] = set()
    for word in words:
        first, dash, last = word.partition("-")
        begin, end = _day(first), _day(last if dash else first)
        found.update((begin + n) % 7 for n in range((end - begin) % 7 + 1))
    return frozenset(found)


def _day(word: str) -> int:
    if word[:3] not in WEEKDAYS:
        raise ValueError(f"{word!r} is no day of the week; expected {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(word[:3])
