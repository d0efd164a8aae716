"""Hyper-parameters: sets, files, mistakes."""

import json
from pathlib import Path

import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.tracking.hyper_parameters import HYPER_PARAMETERS, HyperParameters, load_hyper_parameters


def test_the_published_sets_have_the_published_values() -> None:
    default, vot = HYPER_PARAMETERS["default"], HYPER_PARAMETERS["vot2019"]
    assert (default.penalty_k, default.window_influence, default.lr) == (0.062, 0.38, 0.765)
    assert (vot.penalty_k, vot.window_influence, vot.lr) == (0.007, 0.225, 0.616)
    assert load_hyper_parameters("vot2019") == vot


def test_hyper_parameters_are_read_from_files_and_mappings(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("penalty_k: 0.1\nlr: 0.5\n")
    (tmp_path / "a.json").write_text(json.dumps(HyperParameters(penalty_k=0.1, lr=0.5).to_dict()))
    expected = HyperParameters(penalty_k=0.1, lr=0.5)
    assert load_hyper_parameters(tmp_path / "a.yaml") == expected
    assert load_hyper_parameters(str(tmp_path / "a.json")) == expected
    assert load_hyper_parameters({"penalty_k": 0.1, "lr": 0.5}) == expected
    assert load_hyper_parameters(expected) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("penalty: 1\n", "unknown hyper-parameter 'penalty'; did you mean 'penalty_k'"),
        ("lr: 1.5\n", "lr: expected a number between 0 and 1, got 1.5"),
        ("lr: -1\n", "lr: expected a number between 0 and 1, got -1"),
        ("lr: .nan\n", "lr: expected a number between 0 and 1, got nan"),
        ("lr: yes\n", "lr: expected a number between 0 and 1, got True"),
        ("- 1\n", "expected a mapping"),
        ("a: [\n", "no valid YAML at line"),
        ("lr: 2024-13-45\n", "lr: expected a number between 0 and 1, got .2024-13-45."),
        ("[" * 5000, "no valid YAML"),
        ("lr: 1" + "0" * 5000, "no valid YAML"),
    ],
)
def test_a_bad_file_of_hyper_parameters_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        load_hyper_parameters(path)
    assert str(path) in str(caught.value)


def test_unknown_set_and_missing_file() -> None:
    with pytest.raises(InputError, match="unknown set of hyper-parameters 'vot2020'; did you mean 'vot2019'"):
        load_hyper_parameters("vot2020")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load_hyper_parameters("nowhere.yaml")
