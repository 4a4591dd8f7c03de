"""The bytes of a file of a book: quoting, encoding, and streams that no memory could hold."""

from __future__ import annotations

import tracemalloc
from io import BytesIO, RawIOBase

import pytest

from policies.book_rows import EVENTS, INSTALMENTS, stream_rows
from policies.book_source import CHUNK_BYTES, MAX_RECORD, Record, column_of, read_records
from policies.problems import Problem


def records(raw: bytes) -> list[Record | Problem]:
    return list(read_records("events.csv", BytesIO(raw)))


def fields(raw: bytes) -> list[list[str]]:
    return [item.fields for item in records(raw) if isinstance(item, Record)]


class Endless(RawIOBase):
    """A stream of one chunk without end, that says how much of it was asked for."""

    def __init__(self, head: bytes, chunk: bytes) -> None:
        self._head, self._chunk, self.given = head, chunk, 0

    def read(self, size: int = -1, /) -> bytes:
        assert size > 0
        piece, self._head = (self._head or (self._chunk * (size // len(self._chunk) + 1))[:size]), b""
        self.given += len(piece)
        return piece


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"a,b\n1,2", [["a", "b"], ["1", "2"]]),
        (b"a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]),
        (b'a,"b"\n"1,1","say ""x"""\n', [["a", "b"], ["1,1", 'say "x"']]),
        (b'"two\nlines",x\r\ny,z\n', [["two\nlines", "x"], ["y", "z"]]),
        (b'"",\n', [["", ""]]),
        (b"a\n\n\r\nb\n", [["a"], ["b"]]),
    ],
)
def test_records_are_read_as_rfc_4180_says(raw: bytes, expected: list[list[str]]) -> None:
    assert fields(raw) == expected


def test_a_record_knows_the_line_on_which_it_starts() -> None:
    found = records(b'a\n"x\ny\nz"\n\nb\n')
    assert [item.line for item in found] == [1, 2, 6]


def test_a_column_is_counted_in_characters_also_behind_quoted_fields() -> None:
    assert [column_of('né,"a,""b",c', index) for index in range(4)] == [1, 4, 12, 13]


@pytest.mark.parametrize(
    ("raw", "code", "line", "column"),
    [
        (b"a\nxy\xffz\n", "not-utf8", 2, 3),
        (b"a\nx\xed\xa0\x80\n", "not-utf8", 2, 2),
        ("ä\ncafé,".encode() + b"\xc3\n", "not-utf8", 2, 6),
        (b"\xff\xfea\x00\n\x00", "not-utf8", 1, 1),
        (b'a\nx,"y\n', "quote-not-closed", 2, 3),
        (b'a\nx,"y"z\n', "quote-misplaced", 2, 3),
        (b'a\nx,y"z"\n', "quote-misplaced", 2, 3),
    ],
)
def test_what_cannot_be_read_is_told_at_its_place(raw: bytes, code: str, line: int, column: int) -> None:
    (problem,) = [item for item in records(raw) if isinstance(item, Problem)]
    assert (problem.code, problem.line, problem.column) == (code, line, column)


def test_half_a_character_is_called_a_lone_surrogate() -> None:
    (problem,) = records(b"x\xed\xa0\x80\n")
    assert isinstance(problem, Problem)
    assert "lone surrogate" in problem.message


def test_reading_goes_on_after_a_line_that_is_not_utf8() -> None:
    assert fields(b"a\n\xff\nb\n") == [["a"], ["b"]]


def test_a_file_with_a_byte_order_mark_is_told_and_still_read() -> None:
    items = list(
        stream_rows(EVENTS, BytesIO(b"\xef\xbb\xbfevent_id,at,type,loan_id\ne1,2026-01-01T00:00:00Z,returned,l1\n"))
    )
    assert isinstance(items[0], Problem)
    assert (items[0].code, items[0].line, items[0].column) == ("byte-order-mark", 1, 1)
    assert not isinstance(items[1], Problem)


def test_an_empty_file_is_told() -> None:
    (problem,) = stream_rows(EVENTS, BytesIO(b""))
    assert isinstance(problem, Problem)
    assert problem.code == "empty-file"


HEADER = b"loan_id,number,due_on,principal,interest,fees\n"


@pytest.mark.parametrize(
    ("head", "chunk", "code", "line"),
    [
        (b"", b"x", "record-too-long", 1),
        (HEADER, b"\x00", "record-too-long", 2),
        (HEADER, b"," * 100, "record-too-long", 2),
        (HEADER, b'"' + b"y" * 99, "record-too-long", 2),
        (HEADER + b'"', b"y\n", "quote-not-closed", 2),
    ],
)
def test_a_stream_without_end_fails_fast_and_in_little_memory(head: bytes, chunk: bytes, code: str, line: int) -> None:
    stream = Endless(head, chunk)
    tracemalloc.start()
    (problem,) = stream_rows(INSTALMENTS, stream)  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(problem, Problem)
    assert (problem.code, problem.line) == (code, line)
    assert stream.given <= 3 * CHUNK_BYTES + MAX_RECORD
    assert peak < 40_000_000


def test_a_file_of_many_rows_is_read_in_little_memory() -> None:
    stream = BytesIO(HEADER + b"l1,1,2026-01-01,1.00,0,0\n" * 100_000)
    tracemalloc.start()
    count = sum(1 for _ in stream_rows(INSTALMENTS, stream))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 10_000_000
