"""Turns the texts of a policy into renderers: checked in every branch, tried on strange borrowers, then fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path, StringLiteral
from liquid.builtin.expressions.primitive import IntegerLiteral
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError
from liquid.template import BoundTemplate

from policies.contract import Rendered, Renderer
from policies.language.environment import MAX_CHARACTERS, filters
from policies.language.formats import clean_name, clean_text, clean_values
from policies.money import Money

Variables = Mapping[str, Any]
Writer = Callable[[Variables], str]
_WRONG_VALUES: Final = (LookupError, TypeError, AttributeError, ValueError, OverflowError)


class CannotRender(ValueError):
    """A text cannot be made from these variables; says which text and why, and holds no value of a person."""


# --- one template -----------------------------------------------------------------------------------------------


def writer(template: BoundTemplate, language: str) -> Writer:
    """A function from variables to text; templates of literals and ``{{ variable | filter }}`` run as closures."""
    return pieces(template, language) or whole(template)


def whole(template: BoundTemplate) -> Writer:
    """Rendering by the Liquid library."""

    def write(variables: Variables) -> str:
        try:
            return template.render(clean_values(variables))
        except LiquidError as error:
            raise CannotRender(str(error.message)) from None
        except _WRONG_VALUES as error:
            raise CannotRender(f"a variable is not what it should be ({type(error).__name__})") from None

    return write


def pieces(template: BoundTemplate, language: str) -> Writer | None:
    """The same text as ``whole`` gives, from pieces put together; none where the template has a tag."""
    form = ""
    writers: list[Writer] = []
    for node in template.nodes:
        if isinstance(node, ContentNode):
            form += node.text.replace("%", "%%")
        elif isinstance(node, OutputNode) and (part := _piece(node.expression, language)) is not None:
            form += "%s"
            writers.append(part)
        else:
            return None

    def write(variables: Variables) -> str:
        try:
            return form % tuple([part(variables) for part in writers])
        except KeyError as error:
            raise CannotRender(f"{error} is undefined") from None
        except _WRONG_VALUES as error:
            raise CannotRender(f"a variable is not what it should be ({type(error).__name__})") from None

    return write


def _piece(expression: Any, language: str) -> Writer | None:
    if not isinstance(expression, FilteredExpression) or not isinstance(expression.left, Path):
        return None
    path = expression.left.path
    if len(path) > 2 or not all(isinstance(segment, str) for segment in path):
        return None
    names = [str(segment) for segment in path]
    known = filters(language)
    given = expression.filters or []
    if len(given) == 1 and given[0].name in _OF_NO_TEXT:
        return _formatted(names, known[given[0].name])
    read = _reader(names)
    for one in given:
        if one.name == "default":
            if len(one.args) != 1 or not isinstance(one.args[0].value, StringLiteral | IntegerLiteral):
                return None
            read = _with_default(read, one.args[0].value.value)
        else:
            read = _filtered(read, known[one.name])
    return _printed(read)


_OF_NO_TEXT: Final = frozenset({"money", "date", "number"})
"""Filters that take an amount, a date or a number, none of which has to be made clean, and give text."""


def _formatted(path: list[str], function: Callable[[Any], str]) -> Writer:
    if len(path) == 1:
        name = path[0]
        return lambda variables: function(variables[name])
    first, second = path
    return lambda variables: function(variables[first][second])


def _reader(path: list[str]) -> Callable[[Variables], Any]:
    if len(path) == 1:
        name = path[0]

        def read(variables: Variables) -> Any:
            value = variables[name]
            return clean_text(value) if isinstance(value, str) else value

        return read
    first, second = path
    clean = clean_name if first == "borrower" else clean_text

    def read_inner(variables: Variables) -> Any:
        value = variables[first][second]
        return clean(value) if isinstance(value, str) else value

    return read_inner


def _filtered(read: Callable[[Variables], Any], function: Callable[[Any], Any]) -> Callable[[Variables], Any]:
    return lambda variables: function(read(variables))


def _with_default(read: Callable[[Variables], Any], instead: Any) -> Callable[[Variables], Any]:
    def value(variables: Variables) -> Any:
        found = read(variables)
        return instead if found is None or found == "" else found

    return value


def _printed(read: Callable[[Variables], Any]) -> Writer:
    def write(variables: Variables) -> str:
        value = read(variables)
        return value if isinstance(value, str) else "" if value is None else str(value)

    return write


# --- one message ------------------------------------------------------------------------------------------------


def plain_renderer(body: Writer) -> Renderer:
    """The renderer of an SMS or a letter: a body without blank ends, and no subject."""

    def render(variables: Variables) -> Rendered:
        return None, bounded(body(variables).strip())

    return render


def mail_renderer(subject: Writer, body: Writer) -> Renderer:
    """The renderer of an e-mail: the subject is one line whatever the values are."""

    def render(variables: Variables) -> Rendered:
        return " ".join(subject(variables).split()), bounded(body(variables).strip())

    return render


def bounded(text: str) -> str:
    """The text, which has at most ``MAX_CHARACTERS`` characters; raises CannotRender for a longer or an empty one."""
    if len(text) > MAX_CHARACTERS:
        raise CannotRender(f"the text has more than {MAX_CHARACTERS:,} characters")
    if not text:
        raise CannotRender("the text is empty")
    return text


# --- trial borrowers --------------------------------------------------------------------------------------------

_URL: Final = "https://pay.example.invalid/l/" + "x" * 43


def trials(currency: str) -> dict[str, dict[str, Any]]:
    """Values for an ordinary, the longest and the strangest borrower, by kind, for ``variables.trial_values``."""
    strange = "{{ 7 | times: 7 }}{% if %}<b>&amp;\"'\r\nBcc: x@example.com\u202e\x00\U0001f600\u0130\ufb03"
    return {
        "an ordinary borrower": {
            "text": "Ordinary", "money": Money(123_456, currency), "date": date(2026, 3, 1), "count": 12, "flag": True,
            "list": ("one", "sms"), "links.view": _URL,
        },
        "the longest borrower": {
            "text": "W" * 64, "money": Money(10**17 - 1, currency), "date": date(2026, 9, 30), "count": 999_999,
            "flag": True, "list": tuple("W" * 64 for _ in range(10)), "links.view": _URL,
        },
        "the strangest borrower": {
            "text": strange, "money": Money(0, currency), "date": date(9999, 12, 31), "count": 0, "flag": False,
            "list": (strange,), "links.view": _URL, "empty": True,
        },
    }  # fmt: skip
