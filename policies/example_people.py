"""The invented people of the example book: names, places, telephone numbers that nobody has, addresses that go nowhere.

Telephone numbers come from ranges set aside for fiction: 555-0100 to 555-0199 of a North American area code, and
the British regulator's ranges for drama. India and China have none, so people there carry one of these too: a
number that rings nowhere is worth more here than one that looks local. Mail goes to example.com and example.org.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final, TypeVar

_T = TypeVar("_T")


class Dice:
    """Random whole numbers from a seed, the same on every machine: only the bits of the generator are used."""

    __slots__ = ("_bits",)

    def __init__(self, seed: int) -> None:
        self._bits = Random(seed).getrandbits  # noqa: S311 - an example, not a secret

    def below(self, count: int) -> int:
        """A number from 0 to ``count`` - 1, each as likely as the other."""
        return self._bits(64) * count >> 64

    def between(self, low: int, high: int) -> int:
        """A number from ``low`` to ``high``, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True in ``percent`` of a hundred cases."""
        return self.below(100) < percent

    def one_of(self, items: tuple[_T, ...]) -> _T:
        """One of the items."""
        return items[self.below(len(items))]


@dataclass(frozen=True, slots=True)
class Market:
    """A country of the example: where its people live, what they speak and are called, and in what money they owe.

    ``places`` are (region, zone, offset for writing instants, town). ``names`` are (language, first names, last
    names); principals are in minor units.
    """

    country: str
    currency: str
    places: tuple[tuple[str, str, str, str], ...]
    names: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
    smallest_minor: int
    largest_minor: int


MARKETS: Final = {
    "US": Market(
        "US", "USD",
        (
            ("US-NY", "America/New_York", "-05:00", "Albany, NY"),
            ("US-CA", "America/Los_Angeles", "-08:00", "Fresno, CA"),
            ("US-TX", "America/Chicago", "-06:00", "Austin, TX"),
            ("US-AZ", "America/Phoenix", "-07:00", "Tucson, AZ"),
            ("US-HI", "Pacific/Honolulu", "-10:00", "Hilo, HI"),
        ),
        (
            ("en", ("Ann", "Bob", "Carla", "Dwight", "Ella", "Frank", "Grace", "Hank", "Irene", "Jack"),
             ("Miller", "O'Neill", "Baker", "Jackson-Reed", "Young", "Fisher", "Ward", "Hayes", "Stone", "Cole")),
            ("es", ("José", "Lucía", "Ramón", "Inés", "Óscar"), ("Núñez", "García", "Peña", "Ibáñez", "del Río")),
        ),
        20_000, 500_000,
    ),
    "GB": Market(
        "GB", "GBP",
        (
            ("GB", "Europe/London", "+00:00", "Leeds"),
            ("GB-SCT", "Europe/London", "+00:00", "Perth"),
            ("GB-WLS", "Europe/London", "+00:00", "Bangor"),
        ),
        (
            ("en", ("Alice", "Barnaby", "Cerys", "Duncan", "Edith", "Fergus", "Gwen", "Hamish", "Isla", "Jude"),
             ("Smythe", "MacLeod", "ap Rhys", "Thornton", "Ferguson", "Wright", "Pryce", "Hughes", "Shaw", "Lyle")),
        ),
        10_000, 300_000,
    ),
    "IN": Market(
        "IN", "INR",
        (
            ("IN-MH", "Asia/Kolkata", "+05:30", "Pune"),
            ("IN-KA", "Asia/Kolkata", "+05:30", "Mysuru"),
            ("IN", "Asia/Kolkata", "+05:30", "Jaipur"),
        ),
        (
            ("en", ("Asha", "Bhavesh", "Chitra", "Dev", "Esha", "Gopal"), ("Rao", "Iyer", "Menon", "Patil", "Sen")),
            ("hi", ("प्रिया", "राहुल", "सुनीता", "अर्जुन"), ("शर्मा", "वर्मा", "गुप्ता", "जोशी")),
        ),
        200_000, 20_000_000,
    ),
    "CN": Market(
        "CN", "CNY",
        (
            ("CN", "Asia/Shanghai", "+08:00", "杭州市"),
            ("CN-GD", "Asia/Shanghai", "+08:00", "佛山市"),
        ),
        (
            ("zh-CN", ("芳", "伟", "小明", "丽娜", "建国"), ("王", "李", "张", "欧阳", "陈")),
            ("en", ("Fang", "Wei", "Lina", "Jianguo"), ("Wang", "Li", "Zhang", "Chen")),
        ),
        50_000, 2_000_000,
    ),
}  # fmt: skip

_AREAS: Final = (
    "201", "202", "206", "212", "213", "214", "216", "303", "305", "310", "312", "313", "404", "405", "408", "415",
    "503", "505", "512", "602", "612", "615", "617", "702", "704", "713", "801", "808", "816", "901", "904",
)  # fmt: skip
_DRAMA: Final = (
    "1134960", "1144960", "1164960", "1174960", "1184960", "1214960", "1314960", "1414960", "1514960", "1614960",
    "1914980", "2079460",
)  # fmt: skip


def fictional_phone(dice: Dice, country: str) -> str:
    """A telephone number that is valid in form and set aside for fiction, in E.164."""
    if country == "US" or (country != "GB" and dice.chance(50)):
        return f"+1{dice.one_of(_AREAS)}55501{dice.below(100):02}"
    return f"+44{dice.one_of(_DRAMA)}{dice.below(1000):03}"
