"""From a positioned tree to a pydantic model: whatever pydantic finds becomes a problem at its line and column."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from policies.language.findings import Findings, did_you_mean
from policies.language.model import Strict
from policies.language.source import Map, Node, Seq, Text
from policies.money import shown

_ROUNDS: Final = 12
_SHAPES: Final = {
    "model_type": "a mapping", "model_attributes_type": "a mapping", "dict_type": "a mapping", "list_type": "a list",
}  # fmt: skip

Loc = tuple[int | str, ...]
M = TypeVar("M", bound=BaseModel)


class Kind(NamedTuple):
    """What a file is: its model, what a person calls it, and stand-ins for keys at its top.

    A stand-in takes the place of a key that is wrong or missing, so that the rest can still be checked; the file is
    refused anyway.
    """

    model: type[Strict]
    name: str
    stand_ins: Mapping[str, Any]


def load_as(kind: Kind, model: type[M], root: Map, findings: Findings) -> tuple[M | None, frozenset[str]]:
    """The file as ``model`` (that of ``kind``), and the keys at its top that were replaced by a stand-in.

    What is wrong is reported and left out, so that the rest can still be checked.
    """
    value = plain(root)
    replaced: set[str] = set()
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(value), frozenset(replaced)
        except ValidationError as error:
            for one in error.errors(include_url=False):
                if findings.full:
                    findings.pass_over()
                else:
                    _report(kind, one, root, findings)
                _leave_out(kind, value, one, replaced)
    return None, frozenset(replaced)


def plain(node: Node) -> Any:
    """A node as the texts, lists and mappings that pydantic reads."""
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Seq):
        return [plain(item) for item in node.items]
    return {name: plain(value) for name, (_, value) in node.entries.items()}


def find(root: Node, loc: Sequence[int | str]) -> tuple[Node, Text | None]:
    """The node that a path leads to (as far as it leads), and its key where it stands in a mapping."""
    node, key = root, None
    for part in loc:
        if isinstance(node, Map) and isinstance(part, str) and part in node.entries:
            key, node = node.entries[part]
        elif isinstance(node, Seq) and isinstance(part, int) and part < len(node.items):
            node, key = node.items[part], None
    return node, key


def _report(kind: Kind, error: Any, root: Map, findings: Findings) -> None:
    loc: Loc = error["loc"]
    node, key = find(root, loc)
    code: str = error["type"]
    name = str(loc[-1]) if loc else ""
    if code == "extra_forbidden":
        _unknown_key(kind, loc, key or node, findings)
    elif code == "missing":
        _missing(kind, name, *find(root, loc[:-1]), findings)
    elif code in _SHAPES:
        what = {Text: "a single value", Seq: "a list", Map: "a mapping"}[type(node)]
        if isinstance(node, Text) and not node.value:
            what = "nothing"
        findings.error(
            node, "wrong-shape", f"{shown(key.value) if key else 'this'} is {what}", found=what, expected=_SHAPES[code],
            remedy=f"write {_SHAPES[code]}, {'[one, other]' if code == 'list_type' else 'key: value'}",
        )  # fmt: skip
    else:
        context = error.get("ctx", {})
        found = node.value[:60] if isinstance(node, Text) else None
        if loc and loc[-1] == "[key]" and key is not None:
            node, found = key, key.value[:60]
        findings.error(
            node, code, context.get("message", error["msg"]), found=found, expected=context.get("expected"),
            remedy=context.get("remedy"),
        )  # fmt: skip


def _missing(kind: Kind, name: str, owner: Node, key: Text | None, findings: Findings) -> None:
    if isinstance(owner, Map) and name in owner.entries:
        return  # it is there, but wrong: that was reported, and it was left out
    whose = f"'{key.value}'" if key is not None else f"the {kind.name}"
    findings.error(
        key or owner, "missing-key", f"{whose} has no '{name}'", expected=f"{name}: …", remedy=f"add '{name}'"
    )


def _unknown_key(kind: Kind, loc: Loc, where: Node, findings: Findings) -> None:
    name = str(loc[-1])
    known: dict[str, None] = {}
    for model in _models_at(kind.model, loc[:-1]):
        if name in model.later:
            findings.error(
                where, "key-comes-later", f"'{name}' comes with {model.later[name]}", found=name,
                expected=f"a {kind.name} without it", remedy="leave it out until then",
            )  # fmt: skip
            return
        known.update(dict.fromkeys(_aliases(model)))
    findings.error(
        where, "unknown-key", f"there is no key {shown(name)} here", found=name, expected=", ".join(known),
        remedy=did_you_mean(name, known),
    )  # fmt: skip


# --- which models a path leads to -----------------------------------------------------------------------------------


def _aliases(model: type[BaseModel]) -> dict[str, Any]:
    return {
        field.alias or name: Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        for name, field in model.model_fields.items()
    }


def _models_at(model: type[Strict], loc: Loc) -> list[type[Strict]]:
    """The models that may stand at ``loc``; where a union has tags, ``loc`` names the one that was meant."""
    kinds: list[tuple[str | None, Any]] = [(None, model)]
    for part in loc:
        tagged = [kind for tag, kind in kinds if tag is not None and tag == part]
        if tagged:
            kinds = [one for kind in tagged for one in _unwrapped(kind, None)]
            continue
        inner: list[tuple[str | None, Any]] = []
        for _, kind in kinds:
            if isinstance(kind, type) and issubclass(kind, Strict):
                annotation = _aliases(kind).get(str(part))
                inner.extend(_unwrapped(annotation, None) if annotation is not None else [])
            elif get_origin(kind) is (list if isinstance(part, int) else dict):
                inner.extend(_unwrapped(get_args(kind)[-1], None))
        kinds = inner or kinds
    return [kind for _, kind in kinds if isinstance(kind, type) and issubclass(kind, Strict)]


def _unwrapped(annotation: Any, tag: str | None) -> Iterator[tuple[str | None, Any]]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *notes = get_args(annotation)
        own = next((note.tag for note in notes if isinstance(note, Tag)), tag)
        yield from _unwrapped(inner, own)
    elif origin in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _unwrapped(part, tag)
    else:
        yield tag, annotation


# --- what is wrong is left out --------------------------------------------------------------------------------------


def _leave_out(kind: Kind, root: Any, error: Any, replaced: set[str]) -> None:
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
        if isinstance(value, dict) and missing in kind.stand_ins:
            value[missing] = kind.stand_ins[missing]
        return
    if not path:
        return
    owner, part = path[-1]
    if len(path) == 1 and part in kind.stand_ins:
        replaced.add(str(part))
        owner[part] = kind.stand_ins[str(part)]
    elif isinstance(owner, dict):
        owner.pop(part, None)
