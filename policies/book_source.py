"""The bytes of one CSV file of a book as records, each with its line, read in bounded memory (UTF-8, RFC 4180)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from policies.book_text import shown
from policies.problems import ERROR, Problem

CHUNK_BYTES: Final = 1 << 18
MAX_RECORD: Final = 1 << 17
"""The most bytes of one line, and characters of one record. What is longer is not a book: reading of the file stops."""

_PART: Final = re.compile(r'(?:"((?:[^"]|"")*)"|([^",]*))(,|\Z)')


class Record(NamedTuple):
    """One record: the line on which it starts (from 1), its text without the line break, and its fields."""

    line: int
    text: str
    fields: list[str]


def read_records(file: str, stream: BinaryIO) -> Iterator[Record | Problem]:
    """Every record of the stream that is not empty, and a Problem for each that cannot be read.

    A record that would need unbounded memory (a line of gigabytes, a quotation mark that is never closed) ends
    the reading of this file, and its Problem says so.
    """
    lines = _read_lines(file, stream)
    for item in lines:
        if isinstance(item, Problem):
            yield item
            continue
        number, text = item
        if '"' not in text:
            if text:
                yield Record(number, text, text.split(","))
            continue
        whole = _join_quoted(file, number, text, lines)
        if isinstance(whole, Problem):
            yield whole
            return
        yield _split_quoted(file, number, whole)


def column_of(text: str, index: int) -> int:
    """The column, in characters from 1, at which field ``index`` of a record begins; past its end where it has none."""
    begin = 0
    for _ in range(index):
        match = _PART.match(text, begin)
        if match is None or not match[3]:
            return len(text) + 1
        begin = match.end()
    return begin + 1


def _read_lines(file: str, stream: BinaryIO) -> Iterator[tuple[int, str] | Problem]:
    number = 0
    rest = b""
    while chunk := stream.read(CHUNK_BYTES):
        whole, line_end, rest = (rest + chunk).rpartition(b"\n")
        if line_end:
            for item in _lines_of(file, number + 1, whole):
                yield item
                if isinstance(item, Problem) and item.code == "record-too-long":
                    return
            number += whole.count(b"\n") + 1
        if len(rest) > MAX_RECORD:
            yield _too_long(file, number + 1)
            return
    if rest:
        yield _decode(file, number + 1, rest)


def _lines_of(file: str, first: int, block: bytes) -> Iterator[tuple[int, str] | Problem]:
    """The lines of a block of whole lines, all at once where nothing is wrong, else one by one."""
    try:
        lines = block.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        lines = []
    if not lines or len(max(lines, key=len)) * 4 > MAX_RECORD:
        return (_decode(file, first + index, line) for index, line in enumerate(block.split(b"\n")))
    if b"\r" in block:
        lines = [line.removesuffix("\r") for line in lines]
    return enumerate(lines, first)


def _decode(file: str, number: int, line: bytes) -> tuple[int, str] | Problem:
    if line[-1:] == b"\r":
        line = line[:-1]
    if len(line) > MAX_RECORD:
        return _too_long(file, number)
    try:
        return number, line.decode("utf-8")
    except UnicodeDecodeError as error:
        return _not_utf8(file, number, line, error)


def _not_utf8(file: str, number: int, line: bytes, error: UnicodeDecodeError) -> Problem:
    if number == 1 and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Problem(
            file, 1, 1, ERROR, "not-utf8", "the file is written in UTF-16; the rest of it was not read",
            found="a byte order mark of UTF-16", expected="UTF-8", remedy="save the file as UTF-8",
        )  # fmt: skip
    column = len(line[: error.start].decode("utf-8")) + 1
    wrong = line[error.start : error.start + 3]
    if wrong[0] == 0xED and wrong[1:2] >= b"\xa0":
        found, what = f"bytes {wrong.hex(' ')}", "half of a character (a lone surrogate)"
    else:
        found, what = f"byte {wrong[:1].hex()}", "a byte that is no UTF-8"
    return Problem(
        file, number, column, ERROR, "not-utf8", f"the line holds {what}", found=found, expected="UTF-8",
        remedy="save the file as UTF-8",
    )  # fmt: skip


def _too_long(file: str, number: int) -> Problem:
    return Problem(
        file, number, 1, ERROR, "record-too-long",
        f"the line is longer than {MAX_RECORD // 1024} kB; the rest of the file was not read",
        expected="one record a line", remedy="check that the file is the CSV file that was meant",
    )  # fmt: skip


def _join_quoted(
    file: str, number: int, text: str, lines: Iterator[tuple[int, str] | Problem]
) -> str | Problem:  # fmt: skip
    """The record that begins with ``text``, with the lines that a quoted field runs over, joined by LF."""
    pieces, size, quotes = [text], len(text), text.count('"')
    while quotes % 2:
        following = next(lines, None)
        if isinstance(following, Problem):
            return following
        if following is not None:
            pieces.append(following[1])
            size += len(following[1]) + 1
            quotes += following[1].count('"')
        if following is None or size > MAX_RECORD:
            return Problem(
                file, number, text.rindex('"') + 1, ERROR, "quote-not-closed",
                "a quotation mark opens here and is never closed; the rest of the file was not read",
                expected='a closing " before the next comma or line end',
                remedy='close it; a quotation mark inside a quoted field is written twice ("")',
            )  # fmt: skip
    return "\n".join(pieces)


def _split_quoted(file: str, number: int, text: str) -> Record | Problem:
    fields = []
    begin = 0
    while (match := _PART.match(text, begin)) is not None:
        quoted, plain, end = match.groups()
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
        begin = match.end()
        if not end:
            return Record(number, text, fields)
    return Problem(
        file, number, begin + 1, ERROR, "quote-misplaced", "a quotation mark stands where none can be",
        found=shown(text[begin : begin + 40]), expected='the whole field in quotation marks, inner ones doubled ("")',
        remedy="quote the whole field, or take the mark out",
    )  # fmt: skip
