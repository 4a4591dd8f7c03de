"""Reads one template and checks it in every branch: names, types, filters and tags, each with its line and column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from liquid.ast import BlockNode, ConditionalBlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import BooleanExpression, FilteredExpression, Path, StringLiteral, logical
from liquid.builtin.expressions.primitive import (
    Blank,
    Empty,
    FalseLiteral,
    FloatLiteral,
    IntegerLiteral,
    Nil,
    RangeLiteral,
    TrueLiteral,
)  # fmt: skip
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.template import BoundTemplate

from policies.language.environment import FILTERS, MAX_CHARACTERS, TAGS, environment
from policies.language.findings import Findings, did_you_mean, nearest
from policies.language.source import Document, Text
from policies.language.variables import DATE, FLAG, FORLOOP, LIST, OBJECT, Variable, paths
from policies.language.vocabulary import COUNT, MONEY, TEXT
from policies.money import shown

MAX_TAG: Final = 500
"""The longest ``{{ … }}`` or ``{% … %}``, in characters."""
MAX_BLANKS: Final = 20
"""Blanks in a row inside a tag; the library's lexer takes time that grows with their square."""

_BLANKS: Final = re.compile(rf"\s{{{MAX_BLANKS + 1}}}")
_WITHIN: Final = ("elsif", "else", "endif", "endunless", "when", "endcase", "endfor")
_TAG_NAME: Final = re.compile(r"-?\s{0,50}(\w{0,40}|#)")
_ACCEPTS: Final = {"money": MONEY, "date": DATE, "number": COUNT, "upcase": TEXT, "downcase": TEXT}
_KINDS: Final = {MONEY: "an amount", DATE: "a date", COUNT: "a number", TEXT: "a text", FLAG: "true or false"}
_COMPARISONS: Final = (
    logical.EqExpression, logical.NeExpression, logical.LtExpression, logical.GtExpression, logical.LeExpression,
    logical.GeExpression,
)  # fmt: skip
_NOTHING: Final = "nothing"


def parse(node: Text, language: str, document: Document, findings: Findings) -> BoundTemplate | None:
    """Parse a template; none where it has a syntax error, which is in ``findings`` then."""
    if len(node.value) > MAX_CHARACTERS:
        findings.error(
            node, "template-too-long", f"the text has {len(node.value):,} characters",
            expected=f"at most {MAX_CHARACTERS:,}", remedy="shorten it",
        )  # fmt: skip
        return None
    if not node.value.strip():
        findings.error(
            node, "empty-text", "there is nothing here", expected="the text of the message", remedy="write it"
        )
        return None
    if not _scan(node, document, findings):
        return None
    try:
        return environment(language).from_string(node.value)
    except LiquidError as error:
        _syntax(error, node, document, findings)
        return None


def _scan(node: Text, document: Document, findings: Findings) -> bool:
    """Refuse what the library would take too long over, or would read as something else than it says."""
    text, position = node.value, 0
    while True:
        output, tag = text.find("{{", position), text.find("{%", position)
        start = min(output, tag) if output >= 0 and tag >= 0 else max(output, tag)
        if start < 0:
            return True
        closing = "}}" if start == output else "%}"
        end = text.find(closing, start + 2)
        if end < 0:
            findings.error(
                document.place_in(node, start), "template-unclosed", f"'{text[start : start + 2]}' is not closed",
                expected=closing, remedy=f"close it with '{closing}'",
            )  # fmt: skip
            return False
        if end - start > MAX_TAG or _BLANKS.search(text, start, end):
            findings.error(
                document.place_in(node, start), "template-tag-too-long", "a tag that is too long, or full of blanks",
                expected=f"at most {MAX_TAG} characters, {MAX_BLANKS} of them blanks in a row", remedy="shorten it",
            )  # fmt: skip
            return False
        if start == tag and not _known_tag(node, start, document, findings):
            return False
        position = end + 2


def _known_tag(node: Text, start: int, document: Document, findings: Findings) -> bool:
    match = _TAG_NAME.match(node.value, start + 2)
    name = match[1] if match else ""
    if name in TAGS or name in _WITHIN:
        return True
    where = document.place_in(node, match.start(1) if match and name else start)
    findings.error(
        where, "unknown-tag", f"there is no tag {shown(name)}", found=name, expected=", ".join(TAGS),
        remedy=did_you_mean(name, [*TAGS, *_WITHIN] if nearest(name, [*TAGS, *_WITHIN]) else TAGS),
    )  # fmt: skip
    return False


def _syntax(error: LiquidError, node: Text, document: Document, findings: Findings) -> None:
    token = error.token
    index = 0 if token is None or token.start_index < 0 else min(token.start_index, len(node.value))
    message = str(error.message or "").strip() or "it cannot be read"
    if "unknown filter" in message or "nesting limit" in message:
        message = message.replace("block nesting limit reached", "tags are nested too deep")
    findings.error(
        document.place_in(node, index), "template-syntax", f"this is no template: {message}",
        expected="text, {{ variable | filter }} and the tags if, unless, case, for", remedy="check the tag here",
    )  # fmt: skip


class Checker:
    """Checks one parsed template against the variables that it may use."""

    def __init__(self, node: Text, document: Document, findings: Findings, missing: dict[str, str]) -> None:
        """``missing``: for dotted names that exist but not here, why."""
        self._node = node
        self._document = document
        self._findings = findings
        self._missing = missing

    def check(self, template: BoundTemplate, variables: dict[str, Variable]) -> None:
        """Add what is wrong in any branch of the template to the findings."""
        self._nodes(template.nodes, variables, frozenset())

    def _error(self, index: int, code: str, message: str, **more: str | None) -> None:
        where = self._document.place_in(self._node, max(index, 0))
        self._findings.error(where, code, message, **more)

    # --- nodes ------------------------------------------------------------------------------------------------

    def _nodes(self, nodes: Iterable[Node], scope: dict[str, Variable], given: frozenset[str]) -> None:
        for node in nodes:
            self._one(node, scope, given)

    def _one(self, node: Node, scope: dict[str, Variable], given: frozenset[str]) -> None:
        if isinstance(node, ContentNode):
            return
        if isinstance(node, OutputNode):
            self._output(node, scope, given)
        elif isinstance(node, BlockNode):
            self._nodes(node.nodes, scope, given)
        elif isinstance(node, IfNode | UnlessNode):
            named = self._condition(node.condition, scope)
            self._one(node.consequence, scope, given | named if isinstance(node, IfNode) else given)
            for alternative in node.alternatives:
                self._one(alternative, scope, given)
            if node.default:
                self._one(node.default, scope, given | named if isinstance(node, UnlessNode) else given)
        elif isinstance(node, ConditionalBlockNode):
            self._one(node.block, scope, given | self._condition(node.expression, scope))
        elif isinstance(node, CaseNode):
            self._case(node, scope, given)
        elif isinstance(node, ForNode):
            self._for(node, scope, given)
        else:
            self._error(node.token.start_index, "unknown-tag", f"'{node.token.value}' is not allowed here")

    def _output(self, node: OutputNode, scope: dict[str, Variable], given: frozenset[str]) -> None:
        expression = node.expression
        if not isinstance(expression, FilteredExpression):
            self._error(node.token.start_index, "template-syntax", "only a variable with filters can be printed")
            return
        variable = self._value(expression.left, scope)
        for one in expression.filters or []:
            variable = self._filter(one, variable, scope)
        if variable is None:
            return
        index = expression.left.token.start_index
        name = str(expression.left)
        if variable.kind in (OBJECT, LIST):
            inner = [f"{name}.{field}" for field in variable.fields or {}]
            self._error(
                index, "prints-object", f"'{name}' is not one value that could be printed", found=name,
                expected="one value", remedy=f"print {' or '.join(inner)}" if inner else "print its items with for",
            )  # fmt: skip
        elif variable.kind in (MONEY, DATE):
            self._error(
                index, "prints-unformatted", f"{_KINDS[variable.kind]} prints only through its filter", found=name,
                expected=f"{{{{ {name} | {variable.kind} }}}}", remedy=f"add '| {variable.kind}'",
            )  # fmt: skip
        elif variable.optional and name not in given:
            self._error(
                index, "may-be-empty", f"'{name}' may have no value", found=name, expected="a text for that case",
                remedy=f"add '| default: …', or put it in {{% if {name} %}}",
            )  # fmt: skip

    def _case(self, node: CaseNode, scope: dict[str, Variable], given: frozenset[str]) -> None:
        left = self._value(node.expression, scope)
        for block in node.blocks:
            if isinstance(block, MultiExpressionBlockNode):
                for right in block.expression.expressions:
                    self._comparable(left, self._value(right, scope), right.token.start_index, order=False)
                self._one(block.block, scope, given | {str(node.expression)})
            else:
                self._one(block, scope, given)

    def _for(self, node: ForNode, scope: dict[str, Variable], given: frozenset[str]) -> None:
        loop = node.expression
        found = self._value(loop.iterable, scope)
        inner = found.item if found is not None and found.kind == LIST else None
        if found is not None and inner is None:
            self._error(
                loop.iterable.token.start_index, "not-a-list", f"'{loop.iterable}' is no list",
                expected="tags or reachable_by", remedy="for goes through a list only",
            )  # fmt: skip
        for number in (loop.limit, loop.offset):
            if number is not None and not isinstance(number, IntegerLiteral):
                self._error(
                    number.token.start_index, "wrong-type", "limit and offset are whole numbers",
                    expected="a whole number", remedy="write it like limit: 3",
                )  # fmt: skip
        if loop.identifier in scope or loop.identifier == "forloop":
            self._error(
                loop.token.start_index, "name-taken", f"'{loop.identifier}' is a variable already",
                expected="a new name", remedy="choose another name",
            )  # fmt: skip
        if inner is not None:
            self._one(node.block, {**scope, str(loop.identifier): inner, "forloop": FORLOOP}, given)
        if node.default:
            self._one(node.default, scope, given)

    # --- expressions ------------------------------------------------------------------------------------------

    def _value(self, expression: Expression, scope: dict[str, Variable]) -> Variable | None:
        if isinstance(expression, Path):
            return self._path(expression, scope)
        if isinstance(expression, StringLiteral):
            return Variable(TEXT)
        if isinstance(expression, IntegerLiteral):
            return Variable(COUNT)
        if isinstance(expression, TrueLiteral | FalseLiteral):
            return Variable(FLAG)
        if isinstance(expression, Nil | Empty | Blank):
            return Variable(_NOTHING)
        what = "a range" if isinstance(expression, RangeLiteral) else "a decimal number"
        if not isinstance(expression, RangeLiteral | FloatLiteral):
            what = "this"
        self._error(
            expression.token.start_index, "no-arithmetic", f"{what} has no place in a message",
            expected="a variable, a text in quotes or a whole number", remedy="a message prints values as they are",
        )  # fmt: skip
        return None

    def _path(self, path: Path, scope: dict[str, Variable]) -> Variable | None:
        fields: dict[str, Variable] | None = scope
        variable: Variable | None = None
        name = ""
        for segment in path.path:
            name = f"{name}.{segment}" if name else str(segment)
            if name in self._missing:
                self._error(
                    path.token.start_index, "variable-not-here", f"'{name}' has no value here: {self._missing[name]}",
                    found=str(path), expected="a variable that this message has", remedy="leave it out",
                )  # fmt: skip
                return None
            variable = fields.get(segment) if fields is not None and isinstance(segment, str) else None
            if variable is None:
                self._error(
                    path.token.start_index, "undefined-variable", f"there is no variable {shown(str(path))}",
                    found=str(path), expected="a variable of the language", remedy=_similar(str(path), scope),
                )  # fmt: skip
                return None
            fields = variable.fields
        return variable

    def _filter(self, one: Any, variable: Variable | None, scope: dict[str, Variable]) -> Variable | None:
        index = one.token.start_index
        if one.name not in FILTERS:
            self._error(
                index, "unknown-filter", f"there is no filter {shown(one.name)}", found=one.name,
                expected=", ".join(FILTERS), remedy=did_you_mean(one.name, FILTERS),
            )  # fmt: skip
            return None
        if len(one.args) != (1 if one.name == "default" else 0) or any(hasattr(arg, "name") for arg in one.args):
            wanted = 'one value, such as default: "-"' if one.name == "default" else "nothing after its name"
            self._error(index, "filter-arguments", f"'{one.name}' takes {wanted}", expected=wanted, remedy="correct it")
            return None
        if variable is None:
            return None
        if one.name == "default":
            instead = self._value(one.args[0].value, scope)
            if instead is not None and instead.kind != variable.kind:
                self._wrong(index, "default", variable, instead)
                return None
            return Variable(variable.kind, instead is not None and instead.optional, variable.fields, variable.item)
        accepts = _ACCEPTS[one.name]
        if variable.kind != accepts or variable.optional:
            self._wrong(index, one.name, Variable(accepts), variable)
            return None
        return Variable(TEXT)

    def _wrong(self, index: int, name: str, wanted: Variable, got: Variable) -> None:
        kind = _KINDS.get(got.kind, f"a {got.kind}") + (" that may be missing" if got.optional else "")
        self._error(
            index, "wrong-filter", f"'{name}' takes {_KINDS.get(wanted.kind, 'one value')}, and this is {kind}",
            found=got.kind, expected=_KINDS.get(wanted.kind), remedy="put 'default' before it" if got.optional else
            "use the filter of its type",
        )  # fmt: skip

    # --- conditions -------------------------------------------------------------------------------------------

    def _condition(self, expression: Expression, scope: dict[str, Variable]) -> frozenset[str]:
        """Check a condition; answers the names that have a value where it holds."""
        if isinstance(expression, BooleanExpression):
            return self._condition(expression.expression, scope)
        if isinstance(expression, logical.LogicalAndExpression):
            return self._condition(expression.left, scope) | self._condition(expression.right, scope)
        if isinstance(expression, logical.LogicalOrExpression):
            return self._condition(expression.left, scope) & self._condition(expression.right, scope)
        if isinstance(expression, logical.ContainsExpression):
            self._contains(expression, scope)
            return frozenset({str(expression.left)})
        if isinstance(expression, _COMPARISONS):
            left, right = self._value(expression.left, scope), self._value(expression.right, scope)
            order = not isinstance(expression, logical.EqExpression | logical.NeExpression)
            self._comparable(left, right, expression.left.token.start_index, order=order)
            holds = not isinstance(expression, logical.NeExpression)
            return frozenset({str(expression.left)}) if holds and right and right.kind != _NOTHING else frozenset()
        variable = self._value(expression, scope)
        return frozenset({str(expression)}) if variable is not None else frozenset()

    def _contains(self, expression: Any, scope: dict[str, Variable]) -> None:
        left, right = self._value(expression.left, scope), self._value(expression.right, scope)
        if left is None or right is None:
            return
        if left.kind not in (TEXT, LIST) or right.kind != TEXT:
            self._error(
                expression.left.token.start_index, "wrong-comparison", "'contains' asks a text or a list for a text",
                expected='tags contains "…"', remedy="compare it otherwise",
            )  # fmt: skip

    def _comparable(self, left: Variable | None, right: Variable | None, index: int, *, order: bool) -> None:
        if left is None or right is None:
            return
        kinds = {left.kind, right.kind}
        if kinds & {MONEY, DATE, OBJECT} or (order and kinds != {COUNT}) or (len(kinds) > 1 and _NOTHING not in kinds):
            self._error(
                index, "wrong-comparison", "these two cannot be compared in a message",
                expected="two texts, or two whole numbers", remedy="amounts and dates are tested in 'when' of the step",
            )  # fmt: skip


def _similar(name: str, scope: dict[str, Variable]) -> str:
    near = nearest(name, paths(scope))
    return f"did you mean '{near}'?" if near else "the variables are listed in docs/policy-language.md"
