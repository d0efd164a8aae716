"""The JSON schemas of chain and comparison files: examples validate, mistakes do not, and every key is explained."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_schema import chain_schema, comparison_schema
from lighttrack_nas.config.config_training import TrainingLengths
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings

ROOT = Path(__file__).resolve().parents[3]
CHAIN, COMPARISON = chain_schema(), comparison_schema()
EXAMPLES = sorted(path for path in (ROOT / "examples").rglob("*.yaml") if "spaces" not in path.parts[:-2])
CHAINS = [ROOT / "lighttrack_nas/quickstart.yaml", ROOT / "lighttrack_nas/quickstart-without-teacher.yaml"]


@pytest.mark.parametrize("schema", [CHAIN, COMPARISON], ids=["chain", "comparison"])
def test_every_key_has_a_meaning(schema: dict[str, Any]) -> None:
    Draft7Validator.check_schema(schema)
    for name, part in [("", schema), *schema["definitions"].items()]:
        for key, field in part["properties"].items():
            assert key == "kind" or field["description"], f"{name}.{key}"


@pytest.mark.parametrize("path", [*EXAMPLES, *CHAINS], ids=lambda path: path.stem)
def test_every_example_fits_its_json_schema(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    if not {"extends", "stages", "backbone"} & set(content):
        Draft7Validator(COMPARISON if "strategies" in content else CHAIN).validate(content)


def test_defaults_validate_as_they_are_written() -> None:
    Draft7Validator(CHAIN).validate(json.loads(Config().model_dump_json(exclude_none=True)))


@pytest.mark.parametrize(
    "content",
    [
        {"spcae": "lighttrack"},
        {"supernet": {"strategy": "sposs"}},
        {"supernet": {"training": {"step": 3}}},
        {"supernet": {"training": {"steps": 0}}},
        {"search": {"strategy": {"population_size": 4}}},
        {"data": {"sources": []}},
        {"data": {"losses": {"nothing": 1}}},
    ],
)
def test_mistakes_are_found(content: dict[str, Any]) -> None:
    assert list(Draft7Validator(CHAIN).iter_errors(content))


def test_settings_are_those_of_their_class() -> None:
    properties = set(CHAIN["definitions"]["TrainingSettings"]["properties"])
    assert properties == {*TrainingSettings.model_fields, *TrainingLengths.model_fields}
