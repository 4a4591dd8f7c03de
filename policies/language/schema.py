"""The JSON Schema of a policy file, by which editors complete and check; made from the models that read it."""

from __future__ import annotations

from typing import Any, Final

from policies.language.model import WHEN_MARK, PolicyFile, when_schema

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a whole policy file.

    Values are described as an editor's YAML parser sees them: ``1.00`` may be a number, ``off`` a truth value.
    What needs the whole file (references, order, templates) is left to ``compile_policy``.
    """
    schema = _placed(PolicyFile.model_json_schema(by_alias=True, mode="validation"))
    schema["$defs"]["When"] = when_schema()
    return {"$schema": DIALECT, **schema, "title": "duly policy"}


def _placed(value: Any) -> Any:
    """The schema with ``when`` in its place, without null (an empty value is an error), and closed for other keys."""
    if value == WHEN_MARK:
        return {"$ref": "#/$defs/When"}
    if isinstance(value, list):
        return [_placed(inner) for inner in value if inner != {"type": "null"}]
    if not isinstance(value, dict):
        return value
    placed = {name: _placed(inner) for name, inner in value.items() if (name, inner) != ("default", None)}
    if "patternProperties" in placed:
        placed["additionalProperties"] = False
    return placed
