"""How many segments an SMS takes, by the alphabet that it needs (3GPP TS 23.038 and 23.040)."""

from __future__ import annotations

from typing import Final

GSM7: Final = "GSM-7"
UCS2: Final = "UCS-2"

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("^{}\\[~]|€\f")
_SINGLE: Final = {GSM7: 160, UCS2: 70}
_JOINED: Final = {GSM7: 153, UCS2: 67}


def is_gsm7(char: str) -> bool:
    """Whether the GSM 7-bit alphabet, with its extension table, has this character."""
    return char in _BASIC or char in _EXTENDED


def sms_segments(text: str) -> tuple[str, int]:
    """The encoding (``GSM-7`` or ``UCS-2``) and the number of segments of a text.

    A character of the extension table takes two septets, one outside the basic plane two UCS-2 units, and
    neither is split between segments; a joined segment holds 153 septets or 67 units.
    """
    if set(text) <= _BASIC:
        encoding, widths = GSM7, [1] * len(text)
    elif all(is_gsm7(char) for char in text):
        encoding, widths = GSM7, [1 if char in _BASIC else 2 for char in text]
    else:
        encoding, widths = UCS2, [2 if ord(char) > 0xFFFF else 1 for char in text]
    if sum(widths) <= _SINGLE[encoding]:
        return encoding, 1 if text else 0
    room, count = 0, 0
    for width in widths:
        if width > room:
            count += 1
            room = _JOINED[encoding]
        room -= width
    return encoding, count
