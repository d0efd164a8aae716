"""The half of the schema of space files that speaks of operations: parameters of each kind, candidates, styles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from lighttrack_nas.search_spaces.files.resolving import STYLES
from lighttrack_nas.search_spaces.operations.operations import Operation

_REFERENCE = "#/definitions/{model}"

Schema = dict[str, Any]


def operation_definitions(operations: Mapping[str, type[Operation]], failures: Mapping[str, str]) -> dict[str, Schema]:
    """What the schema defines of operations: `candidates`, `operation` (of the table of names), and each of `STYLES`.

    Candidates "of any expansion" are those of a stage, which may say it for them.

    Args:
        operations: By kind.
        failures: By kind, why an operation cannot be imported here; where the file is used it may be.
    """
    definitions: dict[str, Schema] = {}
    kinds = {kind: _parameters(cls, definitions) for kind, cls in operations.items()}
    kinds |= {kind: {"description": failure} for kind, failure in failures.items()}
    for kind, schema in kinds.items():
        definitions[f"operation-{kind}"] = {key: value for key, value in schema.items() if key != "required"}
    definitions["candidates"] = _candidates(kinds)
    definitions["candidates-of-any-expansion"] = _candidates(kinds, told=("expansion",))
    definitions["operation"] = _table_entry(kinds)
    return definitions | {key: _style(key, operations.values()) for key in STYLES}


def _parameters(cls: type[Operation], definitions: dict[str, Schema]) -> Schema:
    """An operation's parameters, each a value or a list of values to choose from."""
    whole = cls.model_json_schema(ref_template=_REFERENCE)
    definitions |= whole.get("$defs", {})
    parameters = {name: schema for name, schema in _untitled(whole["properties"]).items() if name != "kind"}
    return {
        "description": summary(cls),
        "type": "object",
        "properties": {name: _one_or_several(schema) for name, schema in parameters.items()},
        "required": [name for name in whole.get("required", []) if name != "kind"],
        "additionalProperties": False,
    }


def _candidates(kinds: Mapping[str, Schema], told: Collection[str] = ()) -> Schema:
    def settings(kind: str) -> Schema:
        said, parameters = kinds[kind]["description"], see(f"operation-{kind}")
        required = [name for name in kinds[kind].get("required", []) if name not in told]
        needed: Schema = {"allOf": [parameters], "required": required}
        return {"description": said} | (needed if required else {"anyOf": [{"type": "null"}, parameters]})

    mapping = {
        "properties": {kind: settings(kind) for kind in kinds},
        "additionalProperties": False,
        "minProperties": 1,
    }
    item = {
        "type": ["string", "object"],
        # Any name may stand in the table; the kinds are here to be completed.
        "anyOf": [{"enum": list(kinds)}, {"type": ["string", "object"]}],
        **mapping,
        "maxProperties": 1,
    }
    return {
        "description": "Candidates: {operation: parameters}, where each list of values means every combination; or a "
        "list of such and of names of operations. One candidate leaves no choice.",
        "type": ["object", "array"],
        **mapping,
        "items": item,
        "minItems": 1,
    }


def _table_entry(kinds: Mapping[str, Schema]) -> Schema:
    """An operation under a name: a kind, and one value for each parameter."""

    def single(kind: str) -> Schema:
        parameters = {name: schema["anyOf"][0] for name, schema in kinds[kind].get("properties", {}).items()}
        closed = {"additionalProperties": False} if "properties" in kinds[kind] else {}
        return {"properties": {"kind": {}, **parameters}, "required": kinds[kind].get("required", []), **closed}

    return {
        "type": "object",
        "properties": {"kind": {"enum": list(kinds), "description": "The operation."}},
        "required": ["kind"],
        "allOf": [
            {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": single(kind)}
            for kind in kinds
        ],
    }


def _style(key: str, operations: Iterable[type[Operation]]) -> Schema:
    """A parameter that a stage, a tower or the whole space says for all operations that have it."""
    schemas: list[Schema] = []
    said = ""
    for cls in operations:
        if key in cls.model_fields:
            schema = properties(cls)[key]
            said = said or schema.get("description", "")
            plain = {name: value for name, value in schema.items() if name not in ("default", "description")}
            schemas += [plain] if plain not in schemas else []
    one = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    whole = f"{said} Of each operation that has such a parameter and was not told otherwise."
    return _one_or_several(one | {"description": whole})


def properties(model: type[BaseModel]) -> dict[str, Schema]:
    """The schemas of a model's fields."""
    return _untitled(model.model_json_schema(ref_template=_REFERENCE)["properties"])


def _untitled(fields: Mapping[str, Schema]) -> dict[str, Schema]:
    """Without titles, which only repeat the keys."""
    return {key: {name: setting for name, setting in value.items() if name != "title"} for key, value in fields.items()}


def _one_or_several(schema: Schema) -> Schema:
    """A value, or a list of values to choose from."""
    kept = {key: schema[key] for key in ("description", "default") if key in schema}
    one = {key: value for key, value in schema.items() if key not in kept}
    return kept | {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "uniqueItems": True}]}


def see(name: str, said: str = "") -> Schema:
    """A reference; beside a description it stands alone, since draft 7 ignores what stands beside a reference."""
    reference = {"$ref": _REFERENCE.format(model=name)}
    return {"description": said, "allOf": [reference]} if said else reference


def summary(model: type[BaseModel]) -> str:
    """The first paragraph of a model's docstring."""
    return (model.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")
