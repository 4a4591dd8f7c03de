"""All that a text may come to say, branch by branch and without a borrower, so that its words can be checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from liquid.ast import BlockNode, ConditionalBlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path, StringLiteral
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.template import BoundTemplate

from policies.language.source import Text

MAX_READINGS: Final = 64
"""Ways through a text that are read one by one; a text with more is read without its branches."""

_TAG: Final = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_LINK: Final = "https://view.example/x"


@dataclass(frozen=True, slots=True)
class Said:
    """One text of a file: where it stands, every reading of it, and its own words in their places.

    ``words`` has the length of the text as written, with tags and variables blanked out.
    """

    node: Text
    readings: tuple[str, ...]
    words: str


def said(node: Text, template: BoundTemplate, lender: Mapping[str, str]) -> Said:
    """All that a checked template may say; a variable of the borrower or the loan reads as one word."""
    readings = _block(template.nodes, lender)
    if readings is None:
        # What only branches say may be left out; what they forbid is found in ``words``.
        readings = ["".join(_alone(node, lender) for node in template.nodes)]
    return Said(node, tuple(dict.fromkeys(readings)), _TAG.sub(_blanked, node.value))


def _blanked(match: re.Match[str]) -> str:
    """A tag as blanks around the texts that it quotes; a variable stands for a word."""
    tag = match[0]
    kept = [" "] * len(tag)
    if tag.startswith("{{"):
        for quoted in _QUOTED.finditer(tag):
            kept[quoted.start() + 1 : quoted.end() - 1] = quoted[0][1:-1]
        if not "".join(kept).strip():
            kept[2] = "x"
    return "".join(kept)


def _block(nodes: Iterable[Node], lender: Mapping[str, str]) -> list[str] | None:
    """Every reading of nodes in a row; none where there are too many."""
    found = [""]
    for node in nodes:
        ways = _ways(node, lender)
        if ways is None or len(found) * len(ways) > MAX_READINGS:
            return None
        found = [before + after for before, after in product(found, ways)]
    return found


def _ways(node: Node, lender: Mapping[str, str]) -> list[str] | None:
    if isinstance(node, ContentNode | OutputNode):
        return [_alone(node, lender)]
    if isinstance(node, BlockNode):
        return _block(node.nodes, lender)
    if isinstance(node, ConditionalBlockNode | MultiExpressionBlockNode):
        return _ways(node.block, lender)
    blocks: list[Node] = []
    otherwise = False
    if isinstance(node, IfNode | UnlessNode):
        blocks, otherwise = [node.consequence, *node.alternatives], bool(node.default)
        blocks += [node.default] if node.default else []
    elif isinstance(node, CaseNode):
        blocks = list(node.blocks)
        otherwise = any(isinstance(block, BlockNode) for block in blocks)
    elif isinstance(node, ForNode):
        blocks, otherwise = [node.block], bool(node.default)
        blocks += [node.default] if node.default else []
    found: list[str] = [] if otherwise else [""]
    for block in blocks:
        ways = _ways(block, lender)
        if ways is None:
            return None
        found += ways
    return list(dict.fromkeys(found))


def _alone(node: Node, lender: Mapping[str, str]) -> str:
    """What a node says by itself, without branches."""
    if isinstance(node, ContentNode):
        return str(node.text)
    if not isinstance(node, OutputNode):
        return ""
    left: Any = node.expression.left if isinstance(node.expression, FilteredExpression) else None
    if isinstance(left, StringLiteral):
        return str(left.value)
    name = ".".join(str(part) for part in left.path) if isinstance(left, Path) else ""
    if name.startswith("lender."):
        return str(lender.get(name.removeprefix("lender."), "x"))
    return _LINK if name == "links.view" else "x"
