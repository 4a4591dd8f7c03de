"""The JSON Schema of a policy file, by which editors complete and check; made from the models that read it."""

from __future__ import annotations

from typing import Any, Final

from policies.language.model import PolicyFile

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a whole policy file.

    Values are described as an editor's YAML parser sees them: ``1.00`` may be a number, ``off`` a truth value.
    What needs the whole file (references, order, templates) is left to ``compile_policy``.
    """
    schema = PolicyFile.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": DIALECT, **schema, "title": "duly policy"}
