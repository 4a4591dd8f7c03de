"""From the positioned tree to the models: every finding of pydantic becomes a problem at its line and column."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from policies.language.findings import Findings, did_you_mean
from policies.language.model import PolicyFile, Strict
from policies.language.source import Document, Map, Node, Seq, Text
from policies.money import shown

_ROUNDS: Final = 12
# Stand-ins that let the rest of a file be checked although one of these is wrong; the policy is refused anyway.
_STAND_INS: Final[dict[str, Any]] = {"policy": "unnamed", "currency": "USD", "languages": ["en"], "steps": {}}
_SHAPES: Final = {
    "model_type": "a mapping", "model_attributes_type": "a mapping", "dict_type": "a mapping", "list_type": "a list",
}  # fmt: skip

Loc = tuple[int | str, ...]


def load(document: Document, findings: Findings) -> tuple[PolicyFile | None, frozenset[str]]:
    """The file as models, and the keys at its top that were replaced by a stand-in because they were wrong.

    What is wrong is reported and left out, so that the rest can still be checked.
    """
    root = document.root
    if not isinstance(root, Map):
        findings.error(
            root, "not-a-policy", "this is no policy", expected="a mapping that begins with policy: NAME",
            remedy="write the keys of a policy",
        )  # fmt: skip
        return None, frozenset()
    value = _plain(root)
    replaced: set[str] = set()
    for _ in range(_ROUNDS):
        try:
            return PolicyFile.model_validate(value), frozenset(replaced)
        except ValidationError as error:
            for one in error.errors(include_url=False):
                _report(one, root, findings)
                _leave_out(value, one, replaced)
    return None, frozenset(replaced)


def _plain(node: Node) -> Any:
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Seq):
        return [_plain(item) for item in node.items]
    return {name: _plain(value) for name, (_, value) in node.entries.items()}


def find(root: Node, loc: Sequence[int | str]) -> tuple[Node, Text | None]:
    """The node that a path leads to (as far as it leads), and its key where it stands in a mapping."""
    node, key = root, None
    for part in loc:
        if isinstance(node, Map) and isinstance(part, str) and part in node.entries:
            key, node = node.entries[part]
        elif isinstance(node, Seq) and isinstance(part, int) and part < len(node.items):
            node, key = node.items[part], None
    return node, key


def _report(error: Any, root: Map, findings: Findings) -> None:
    loc: Loc = error["loc"]
    node, key = find(root, loc)
    kind: str = error["type"]
    name = str(loc[-1]) if loc else ""
    if kind == "extra_forbidden":
        _unknown_key(loc, key or node, findings)
    elif kind == "missing":
        _missing(name, *find(root, loc[:-1]), findings)
    elif kind in _SHAPES:
        what = {Text: "a single value", Seq: "a list", Map: "a mapping"}[type(node)]
        if isinstance(node, Text) and not node.value:
            what = "nothing"
        findings.error(
            node, "wrong-shape", f"{shown(key.value) if key else 'this'} is {what}", found=what, expected=_SHAPES[kind],
            remedy=f"write {_SHAPES[kind]}, {'[one, other]' if kind == 'list_type' else 'key: value'}",
        )  # fmt: skip
    else:
        context = error.get("ctx", {})
        found = node.value[:60] if isinstance(node, Text) else None
        if loc and loc[-1] == "[key]" and key is not None:
            node, found = key, key.value[:60]
        findings.error(
            node, kind, context.get("message", error["msg"]), found=found, expected=context.get("expected"),
            remedy=context.get("remedy"),
        )  # fmt: skip


def _missing(name: str, owner: Node, key: Text | None, findings: Findings) -> None:
    if isinstance(owner, Map) and name in owner.entries:
        return  # it is there, but wrong: that was reported, and it was left out
    whose = f"'{key.value}'" if key is not None else "the policy"
    findings.error(
        key or owner, "missing-key", f"{whose} has no '{name}'", expected=f"{name}: …", remedy=f"add '{name}'"
    )


def _unknown_key(loc: Loc, where: Node, findings: Findings) -> None:
    name = str(loc[-1])
    known: dict[str, None] = {}
    for model in _models_at(loc[:-1]):
        if name in model.later:
            findings.error(
                where, "key-comes-later", f"'{name}' comes with {model.later[name]}", found=name,
                expected="a policy without it", remedy="leave it out until then",
            )  # fmt: skip
            return
        known.update(dict.fromkeys(_aliases(model)))
    findings.error(
        where, "unknown-key", f"there is no key {shown(name)} here", found=name, expected=", ".join(known),
        remedy=did_you_mean(name, known),
    )  # fmt: skip


def _aliases(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _models_at(loc: Loc) -> list[type[Strict]]:
    kinds: list[Any] = [PolicyFile]
    for part in loc:
        inner: list[Any] = []
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, Strict):
                annotation = _aliases(kind).get(str(part))
                inner.extend(_unwrapped(annotation) if annotation is not None else [])
            elif get_origin(kind) is (list if isinstance(part, int) else dict):
                inner.extend(_unwrapped(get_args(kind)[-1]))
        kinds = inner or kinds
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Strict)]


def _unwrapped(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _unwrapped(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [one for part in get_args(annotation) for one in _unwrapped(part)]
    return [annotation]


def _leave_out(root: Any, error: Any, replaced: set[str]) -> None:
    """Take what is wrong out of the plain values: the key itself, or where one is missing, what lacks it."""
    loc: Loc = error["loc"]
    value: Any = root
    path: list[tuple[Any, Any]] = []
    for part in loc:
        inside = part in value if isinstance(value, dict) else isinstance(value, list) and part in range(len(value))
        if inside:
            path.append((value, part))
            value = value[part]
    while path and isinstance(path[-1][0], list):
        path.pop()
    missing = str(loc[-1]) if error["type"] == "missing" and len(loc) == 1 else None
    if missing is not None:
        replaced.add(missing)
        if isinstance(value, dict) and missing in _STAND_INS:
            value[missing] = _STAND_INS[missing]
        return
    if not path:
        return
    owner, part = path[-1]
    if len(path) == 1 and part in _STAND_INS:
        replaced.add(str(part))
        owner[part] = _STAND_INS[str(part)]
    elif isinstance(owner, dict):
        owner.pop(part, None)
