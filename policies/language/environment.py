"""The Liquid environment of messages: it starts empty, and holds four tags, six filters and limits."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any, ClassVar, Final

from liquid import BoundTemplate, Environment, Mode, RenderContext, StrictUndefined, TokenStream
from liquid.builtin import illegal
from liquid.builtin.content import Literal
from liquid.builtin.expressions import parse_primitive
from liquid.builtin.output import Output
from liquid.builtin.tags.case_tag import CaseTag
from liquid.builtin.tags.for_tag import ForTag
from liquid.builtin.tags.if_tag import IfTag
from liquid.builtin.tags.unless_tag import UnlessTag
from liquid.expression import Expression
from liquid.output import LimitedStringIO
from liquid.token import TOKEN_COMMA, TOKEN_OR
from liquid.utils import ReadOnlyChainMap

from policies.language.formats import date_text, money_text, number_text
from policies.money import Money

MAX_ROUNDS: Final = 1_000
MAX_CHARACTERS: Final = 20_000
TAGS: Final = ("if", "unless", "case", "for")
FILTERS: Final = ("money", "date", "number", "upcase", "downcase", "default")


class _StrictIf(IfTag):
    mode = Mode.STRICT


class _StrictUnless(UnlessTag):
    mode = Mode.STRICT


class _StrictCase(CaseTag):
    def _parse_when_expression(self, stream: TokenStream) -> list[Expression]:
        """As the library's, but what it cannot read is an error and not left out."""
        found = [parse_primitive(self.env, stream)]
        while stream.current.kind in (TOKEN_COMMA, TOKEN_OR):
            next(stream)
            found.append(parse_primitive(self.env, stream))
        stream.expect_eos()
        return found


class _Context(RenderContext):
    """A context without the library's own globals, ``now`` and ``today``, which read the clock."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = ReadOnlyChainMap(self.locals, self.globals)


class _Template(BoundTemplate):
    context_class = _Context

    def _get_buffer(self) -> LimitedStringIO:
        """Without the translation of line ends that a text buffer makes by default."""
        return LimitedStringIO(limit=4 * MAX_CHARACTERS, newline="")


class MessageEnvironment(Environment):
    """Everything that a message template may use, in one language."""

    template_class = _Template
    block_nesting_limit: ClassVar[int] = 20
    context_depth_limit: ClassVar[int] = 20
    loop_iteration_limit: ClassVar[int | None] = MAX_ROUNDS
    # In bytes, so that it is never below the limit in characters, which the renderer keeps.
    output_stream_limit: ClassVar[int | None] = 4 * MAX_CHARACTERS

    def __init__(self, language: str) -> None:
        self.language = language
        super().__init__(tolerance=Mode.STRICT, undefined=StrictUndefined, strict_filters=True, autoescape=False)

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Register what the language has, and nothing of the library's defaults."""
        for tag in (Literal, Output, illegal.Illegal, _StrictIf, _StrictUnless, _StrictCase, ForTag):
            self.add_tag(tag)
        for name, function in filters(self.language).items():
            self.add_filter(name, function)


@lru_cache(maxsize=256)
def environment(language: str) -> MessageEnvironment:
    """The environment of one language."""
    return MessageEnvironment(language)


def filters(language: str) -> dict[str, Any]:
    """The six filters, bound to a language; each takes one type, which is checked when the policy is."""

    def money(value: Money) -> str:
        return money_text(value, language)

    def as_date(value: date) -> str:
        return date_text(value, language)

    def number(value: int) -> str:
        return number_text(value, language)

    return {
        "money": money,
        "date": as_date,
        "number": number,
        "upcase": str.upper,
        "downcase": str.lower,
        "default": _default,
    }


def _default(value: Any, instead: Any) -> Any:
    return instead if value is None or value == "" else value
