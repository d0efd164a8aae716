"""The JSON schemas of chain and comparison files, for editors and for the reference: every key, its meaning and range.

They are made from the models that check the files; what a key means is said once, in the docstring of its model.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter

from lighttrack_nas.config.comparison_config import ComparisonConfig
from lighttrack_nas.config.config import Config, SupernetPart
from lighttrack_nas.config.config_search import RankedStrategy, RankingPart, SearchPart
from lighttrack_nas.config.config_training import TrainingLengths
from lighttrack_nas.search_spaces.files.editor_schema import DRAFT
from lighttrack_nas.strategies.one_shot.strategies.one_shot_registry import ONE_SHOT_STRATEGIES
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.strategies.search.search_registry import SEARCH_STRATEGIES
from lighttrack_nas.trackers.training.generator.generator_settings import SceneSettings
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings
from lighttrack_nas.trackers.training.targets import TargetSettings

Schema = dict[str, Any]

_REFERENCE = "#/definitions/{model}"
_SETTINGS: Mapping[str, type] = {
    settings.__name__: settings
    for settings in (TrainingSettings, PairSettings, TargetSettings, LossSettings, SceneSettings)
}
"""What a key whose meaning begins with "Fields of `NAME`" is checked against when it is used."""
_NAMED: Mapping[tuple[type[BaseModel], str], Iterable[str]] = {
    (SupernetPart, "strategy"): ONE_SHOT_STRATEGIES,
    (RankedStrategy, "strategy"): ONE_SHOT_STRATEGIES,
    (SearchPart, "strategy"): SEARCH_STRATEGIES,
}
"""Keys that hold a strategy: its name, or a mapping of `name` and settings."""


def chain_schema() -> Schema:
    """What a chain's configuration may say, as a JSON schema."""
    return _file_schema(Config, "A chain's configuration of LightTrack-NAS")


def comparison_schema() -> Schema:
    """What a comparison's configuration may say, as a JSON schema."""
    return _file_schema(ComparisonConfig, "A comparison's configuration of LightTrack-NAS")


def said_of_attributes(model: type) -> dict[str, str]:
    """What the docstring of a class says of each attribute, by its name; its bases' where it says nothing."""
    said: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        lines = inspect.cleandoc(cls.__dict__.get("__doc__") or "").partition("Attributes:\n")[2]
        for name, text in re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", lines, re.MULTILINE):
            said[name] = re.sub(r"\s+", " ", text)
    return said


def _file_schema(model: type[BaseModel], title: str) -> Schema:
    whole = model.model_json_schema(ref_template=_REFERENCE)
    definitions = whole.pop("$defs", {}) | {name: _settings_schema(cls) for name, cls in _SETTINGS.items()}
    models = {cls.__name__: cls for cls in _models_of(model)}
    for name, schema in [(model.__name__, whole), *definitions.items()]:
        if name in models:
            _explain(models[name], schema)
    used = _references(whole, definitions)
    said = {name: definition for name, definition in definitions.items() if name in used}
    return whole | {"$schema": DRAFT, "title": title, "definitions": said}


def _settings_schema(cls: type) -> Schema:
    """The fields of a class of settings, none of which must be given."""
    schema = TypeAdapter(cls).json_schema(ref_template=_REFERENCE)
    schema.pop("required", None)
    explained = _explain(cls, schema | {"additionalProperties": False})
    if cls is TrainingSettings:
        explained["properties"] |= _settings_schema(TrainingLengths)["properties"]
    return explained


def _explain(cls: type, schema: Schema) -> Schema:
    """Put what the docstring says beside each key, and what stands behind open mappings and strategies' names."""
    schema["description"] = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    said = said_of_attributes(cls)
    for key, field in schema.get("properties", {}).items():
        field.pop("title", None)
        fields_of = re.match(r"Fields of `(\w+)`", said.get(key, ""))
        if fields_of and fields_of[1] in _SETTINGS:
            field["allOf"] = [_see(fields_of[1])]
        if (cls, key) in _NAMED:
            field.update(_strategy(_NAMED[cls, key]))
        if cls is RankingPart and key == "strategies":
            field["items"] = {"anyOf": [{"enum": list(ONE_SHOT_STRATEGIES)}, _see("RankedStrategy")]}
        if cls is ComparisonConfig and key == "strategies":
            field["additionalProperties"] = _strategy(SEARCH_STRATEGIES)
        if "$ref" in field:
            # Draft 7 ignores what stands beside a reference.
            field["allOf"] = [{"$ref": field.pop("$ref")}]
        if key in said:
            field["description"] = said[key]
    return schema


def _strategy(names: Iterable[str]) -> Schema:
    name = {"enum": list(names)}
    mapping = {"type": "object", "properties": {"name": name}, "required": ["name"]}
    return {"anyOf": [name, mapping]}


def _see(name: str) -> Schema:
    return {"$ref": _REFERENCE.format(model=name)}


def _models_of(annotation: Any) -> set[type[BaseModel]]:
    """The models that a model is made of, itself included."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        inner = (field.annotation for field in annotation.model_fields.values())
        return {annotation}.union(*map(_models_of, inner))
    return set().union(*map(_models_of, getattr(annotation, "__args__", ())))


def _references(schema: Any, definitions: Mapping[str, Schema]) -> set[str]:
    """The names of the definitions that a schema needs, and those that these need."""
    if isinstance(schema, list):
        return set().union(*(_references(member, definitions) for member in schema))
    if not isinstance(schema, dict):
        return set()
    names = set().union(*(_references(value, definitions) for value in schema.values()))
    reference = schema.get("$ref")
    if isinstance(reference, str):
        name = reference.rpartition("/")[2]
        names |= {name} | _references(definitions[name], definitions)
    return names
