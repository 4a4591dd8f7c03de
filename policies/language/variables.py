"""The variables that a message may name, with the type of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from policies.language.vocabulary import COUNT, FACTS, MONEY, SET, TEXT

DATE: Final = "date"
FLAG: Final = "flag"
LIST: Final = "list"
OBJECT: Final = "object"


@dataclass(frozen=True, slots=True)
class Variable:
    """A type: ``kind``, whether it may have no value, and what is inside a list or an object."""

    kind: str
    optional: bool = False
    fields: dict[str, Variable] | None = None
    item: Variable | None = None


_TEXT: Final = Variable(TEXT)
_MONEY: Final = Variable(MONEY)
_DATE: Final = Variable(DATE)
_COUNT: Final = Variable(COUNT)

OFFER: Final = Variable(
    OBJECT,
    fields={
        "total": _MONEY,
        "waived": _MONEY,
        "instalments": _COUNT,
        "first_amount": _MONEY,
        "first_on": _DATE,
        "last_on": _DATE,
        "expires": _DATE,
    },
)
"""The terms of an offer: what is paid in all, what is waived, in how many payments, and until when it can be taken."""

FORLOOP: Final = Variable(
    OBJECT,
    fields={
        **dict.fromkeys(("index", "index0", "rindex", "rindex0", "length"), _COUNT),
        **{name: Variable(FLAG) for name in ("first", "last")},
    },
)


def _fact(kind: str, optional: bool) -> Variable:
    return Variable(LIST, item=_TEXT) if kind == SET else Variable(kind, optional)


VARIABLES: Final[dict[str, Variable]] = {
    "borrower": Variable(OBJECT, fields={"first_name": _TEXT, "last_name": _TEXT}),
    "loan": Variable(OBJECT, fields={"loan_id": _TEXT, "product": _TEXT}),
    "due": _DATE,
    "offer": OFFER,
    "links": Variable(OBJECT, fields={"view": _TEXT}),
    "lender": Variable(OBJECT, fields={"name": _TEXT, "reply_to": _TEXT, "phone": _TEXT}),
    **{fact.name: _fact(fact.kind, fact.optional) for fact in FACTS.values()},
}


def paths(variables: dict[str, Variable], before: str = "") -> list[str]:
    """Every name that can be printed or tested, with its dots."""
    found: list[str] = []
    for name, variable in variables.items():
        found.append(before + name)
        if variable.fields:
            found.extend(paths(variable.fields, f"{before}{name}."))
    return found


def trial_values(variables: dict[str, Variable], values: dict[str, Any]) -> dict[str, Any]:
    """Made-up values of the right types: ``values`` gives one by kind, and text by the variable's dotted name."""

    def one(name: str, variable: Variable) -> Any:
        if variable.fields is not None:
            return {key: one(f"{name}.{key}", inner) for key, inner in variable.fields.items()}
        if name in values:
            return values[name]
        if variable.item is not None:
            return tuple(values[LIST])
        if variable.optional and values.get("empty"):
            return None
        return values[variable.kind]

    return {name: one(name, variable) for name, variable in variables.items()}
