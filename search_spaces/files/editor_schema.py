"""The JSON schema of space files, for editors: every key with its meaning, unit and range, short forms included.

It is made from the models that check descriptions and from the registered operations; by hand are only the short forms
of `resolving.py`. It follows draft 7, which editors know best. What needs the whole space (names that differ, strides
that fit) only loading finds. Where several types are possible, keywords of them all stand beside each other rather than
under `anyOf`, so that an editor says what is wrong and not that nothing fits.
"""

from __future__ import annotations

from pydantic import BaseModel

from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.description.space_parts import (
    BRANCHES,
    LayerDescription,
    PredictionDescription,
    StageDescription,
    StemDescription,
    TowerDescription,
    TowersDescription,
)
from lighttrack_nas.search_spaces.files.listed_values import MOST_MULTIPLIED, MULTIPLIERS
from lighttrack_nas.search_spaces.files.resolving import STYLES
from lighttrack_nas.search_spaces.files.schema_operations import Schema, operation_definitions, properties, see, summary
from lighttrack_nas.search_spaces.operations.operation_registry import known_operations
from lighttrack_nas.search_spaces.operations.package_parts import PACKAGES
from lighttrack_nas.search_spaces.presets import preset_names

DRAFT = "http://json-schema.org/draft-07/schema#"
_MADE = ("operations",)
_BY_BACKBONE = ("stem", "stages")
"""What stands either so or as `backbone`."""
_EITHER_BASE = {"anyOf": [{"required": ["extends"]}, {"required": ["backbone"]}]}
_USUAL = ("name", "stride")
"""What resolving gives a space, and a stage, that say nothing of it."""
_MULTIPLIERS: Schema = {
    "description": "Fractions of `channels` to choose from, in steps of 8 channels.",
    "type": "array",
    "items": {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_MULTIPLIED},
    "minItems": 1,
    "uniqueItems": True,
}


def space_schema() -> Schema:
    """What a space file may say, as a JSON schema.

    Operations are those that ship, those of installed packages, and those of the files in LIGHTTRACK_NAS_PLUGINS.
    """
    operations, failures = known_operations()
    definitions = operation_definitions(operations, failures) | _stages() | _towers()
    return {
        "$schema": DRAFT,
        "title": "A search space of LightTrack-NAS",
        "description": "Stem, stages, outputs, towers. With `extends`, what differs from another space.",
        "type": "object",
        "properties": properties(SpaceDescription) | _top_level(),
        "additionalProperties": False,
        "allOf": [
            {"if": {"required": ["backbone"]}, "then": {"properties": dict.fromkeys(_BY_BACKBONE, False)}},
            {"if": {"not": _EITHER_BASE}, "then": {"required": list(_BY_BACKBONE)}},
        ],
        "if": {"required": ["extends"]},
        "else": {
            "required": [key for key in _required(SpaceDescription) if key not in (*_MADE, *_BY_BACKBONE)],
            "properties": {
                "stem": {"required": _required(StemDescription)},
                "stages": {"type": "array"},
                "towers": _whole_towers(),
                "predictions": {"required": _required(PredictionDescription)},
            },
        },
        "definitions": definitions,
    }


def _top_level() -> dict[str, Schema]:
    """The keys whose written form is not that of the description."""
    fields = properties(SpaceDescription)
    said = {name: field["description"] for name, field in fields.items()}
    towers = properties(TowersDescription)
    number_or_name = {"type": ["integer", "string"], "minimum": 0}
    return {
        "extends": {
            "description": "A space, or a file relative to this one, that this one changes: mappings go into each "
            "other; lists, candidates and outputs replace.",
            "anyOf": [{"enum": list(preset_names())}, {"type": "string"}],
        },
        "plugins": {
            "description": "Python files beside this one, or below it, with operations of one's own; they are run.",
            "type": "array",
            "items": {"type": "string", "pattern": r"\.py$"},
        },
        "template_size": _one_or_several(fields["template_size"]),
        "stem": _object(StemDescription, said["stem"]) | {"type": ["object", "string"], "pattern": "^none$"},
        "backbone": _backbone(),
        "operations": {
            **fields["operations"],
            "patternProperties": dict.fromkeys(fields["operations"]["patternProperties"], see("operation")),
            "additionalProperties": False,
        },
        "stages": {
            **fields["stages"],
            "description": f"{said['stages']} With extends, also a mapping from stages, by name or number, to changes.",
            "type": ["array", "object"],
            "items": see("stage"),
            "additionalProperties": see("stage-changes"),
            "minProperties": 1,
        },
        "outputs": {
            **fields["outputs"],
            "description": f"{said['outputs']} Or the last N blocks, or all blocks of some stages.",
            "type": ["array", "object"],
            "properties": {
                "last": {"type": "integer", "minimum": 1, "description": "How many blocks, the last ones."},
                "stages": {
                    "type": "array",
                    "items": number_or_name,
                    "description": "Stages by name or number, from 0.",
                },
            },
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
        "towers": {
            "description": f"{said['towers']} Or `both`, where they are alike.",
            "type": "object",
            "properties": {
                "both": see("tower-changes", "Both branches."),
                **{branch: see("tower-changes", towers[branch]["description"]) for branch in BRANCHES},
                "sharing": _way_or_several(towers["sharing"], "separate"),
            },
            "additionalProperties": False,
            "minProperties": 1,
            "if": {"required": ["both"]},
            "then": {"if": {"required": ["sharing"]}, "then": {"maxProperties": 2}, "else": {"maxProperties": 1}},
        },
        "predictions": _object(PredictionDescription, said["predictions"]),
        "correlation": _way_or_several(fields["correlation"], "pixelwise"),
        **{key: see(key) for key in STYLES},
    }


def _backbone() -> Schema:
    return {
        "description": "A network of torchvision, or of timm, in place of stem and stages: a fixed stage for each of "
        "its first parts, cut where its stride doubles.",
        "type": "object",
        "properties": {
            **{package: {"type": "string", "description": f"A network of {package}."} for package in PACKAGES},
            "parts": {"type": "integer", "minimum": 1, "description": "How many of its parts, from the image on."},
        },
        "additionalProperties": False,
    }


def _stages() -> dict[str, Schema]:
    fields = properties(StageDescription)
    changes = _object(
        StageDescription,
        "",
        channels=_one_or_several(fields["channels"]),
        blocks=_one_or_several(fields["blocks"]),
        operations=see("candidates-of-any-expansion"),
        **{MULTIPLIERS: _MULTIPLIERS},
        **{key: see(key) for key in STYLES},
    )
    required = [key for key in _required(StageDescription) if key not in _USUAL]
    stage = {
        "allOf": [see("stage-changes")],
        "required": required,
        "if": {"required": ["expansions"]},
        "else": {"properties": {"operations": see("candidates")}},
    }
    return {"stage-changes": changes, "stage": stage}


def _towers() -> dict[str, Schema]:
    layers = properties(TowerDescription)["layers"]
    layer = _object(LayerDescription, "", operations=see("candidates"))
    changes = _object(
        TowerDescription,
        "",
        layers={
            **layers,
            "description": f"{layers['description']} Or their number, where they share `operations`.",
            "type": ["integer", "array"],
            "minimum": layers["minItems"],
            "maximum": layers["maxItems"],
            "items": see("layer"),
        },
        operations=see("candidates", "Candidates of each layer, where `layers` is a number."),
        skip={
            "description": "Whether all layers but the first may be left out, where `layers` is a number.",
            "type": "boolean",
            "default": False,
        },
        **{key: see(key) for key in STYLES},
    )
    whole = {
        "required": _required(TowerDescription),
        "if": {"properties": {"layers": {"type": "integer"}}},
        "then": {"required": ["operations"]},
        "else": {"properties": {"operations": False, "skip": False}},
    }
    return {
        "layer": layer | {"required": _required(LayerDescription)},
        "tower-changes": changes,
        "tower": {"allOf": [see("tower-changes")], **whole},
    }


def _whole_towers() -> Schema:
    return {
        "properties": {branch: see("tower") for branch in ("both", *BRANCHES)},
        "anyOf": [{"required": ["both"]}, {"required": list(BRANCHES)}],
    }


def _one_or_several(field: Schema) -> Schema:
    """A number, or a list of numbers to choose from."""
    number = {key: value for key, value in field.items() if key not in ("description", "default")}
    several = {"items": number, "minItems": 1, "uniqueItems": True}
    said = f"{field['description']} Or a list to choose from."
    return field | several | {"type": [field["type"], "array"], "description": said}


def _way_or_several(field: Schema, usual: str) -> Schema:
    """A word, or a list of words to choose from."""
    way = field["items"]
    return {
        "description": field["description"],
        "default": usual,
        "anyOf": [way, {"type": "array", "items": way, "minItems": 1, "uniqueItems": True}],
    }


def _object(model: type[BaseModel], said: str, **others: Schema) -> Schema:
    return {
        "description": said or summary(model),
        "type": "object",
        "properties": properties(model) | others,
        "additionalProperties": False,
    }


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]
