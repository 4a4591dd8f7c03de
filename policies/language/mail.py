"""The HTML part of an e-mail, made from its plain text by escaping and linking and nothing else."""

from __future__ import annotations

import re
from html import escape
from typing import Final

# A link is what the lender's own text or a link variable gives; values of borrowers hold none (``formats.clean_name``).
_LINK: Final = re.compile(r"https?://[^\s<>\"'`\\^{|}]{1,2000}")
_TRAILING: Final = ".,;:!?)]\u00bb\u201d\u2019"


def html_of(text: str) -> str:
    """Plain text as an HTML fragment: every character escaped, ``http(s)`` addresses linked, line ends kept.

    Blank lines separate paragraphs; other line ends become ``<br>``.
    """
    paragraphs = [part for part in re.split(r"\n[ \t]*\n+", text.replace("\r\n", "\n").strip("\n")) if part.strip()]
    return "\n".join(f"<p>{_paragraph(part)}</p>" for part in paragraphs)


def _paragraph(text: str) -> str:
    pieces: list[str] = []
    position = 0
    for match in _LINK.finditer(text):
        address = match[0].rstrip(_TRAILING)
        pieces.append(escape(text[position : match.start()]))
        pieces.append(f'<a href="{escape(address)}">{escape(address)}</a>')
        position = match.start() + len(address)
    pieces.append(escape(text[position:]))
    return "".join(pieces).replace("\n", "<br>\n")
