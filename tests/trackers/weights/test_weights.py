"""Weight files: round trips, the released names, and hostile or broken files."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.weights.official_weights import compare_keys, load_official, official_keys, save_official
from lighttrack_nas.trackers.weights.weights import load_weights, read_header, save_weights


def tiny(seed: int) -> SiameseNetwork:
    space = load_space("lighttrack-tiny")
    torch.manual_seed(seed)
    return build_network(space.sample(np.random.default_rng(0)))


def mobile(code: str, seed: int = 0) -> SiameseNetwork:
    space = load_space("lighttrack")
    torch.manual_seed(seed)
    return build_network(space.decode(code))


def same(first: SiameseNetwork, second: SiameseNetwork) -> bool:
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


class Bomb:
    """Unpickling this would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_saved_weights_and_header_read_back_the_same(tmp_path: Path) -> None:
    first, second = tiny(0), tiny(1)
    save_weights(first, tmp_path / "a.safetensors", {"note": "ä", "number": 3})
    assert not same(first, second)
    load_weights(second, tmp_path / "a.safetensors")
    assert same(first, second)
    assert read_header(tmp_path / "a.safetensors") == {"note": "ä", "number": 3}


def test_the_same_weights_are_the_same_bytes(tmp_path: Path) -> None:
    network = tiny(0)
    files = set()
    for number in range(12):
        save_weights(network, tmp_path / f"{number}.safetensors", {"note": "ä"})
        files.add((tmp_path / f"{number}.safetensors").read_bytes())
    (content,) = files
    assert safetensors.torch.load(content).keys() == network.state_dict().keys()


def test_official_round_trip(tmp_path: Path, mobile_code: str) -> None:
    first, second = mobile(mobile_code, 0), mobile(mobile_code, 1)
    save_official(first, tmp_path / "a.pth")
    load_official(second, tmp_path / "a.pth")
    assert same(first, second)


def test_training_script_wrappers_are_taken_off(tmp_path: Path, mobile_code: str) -> None:
    first, second = mobile(mobile_code, 0), mobile(mobile_code, 1)
    keys = official_keys(first)
    state = {f"module.{keys[key]}": value for key, value in first.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "a.pth")
    load_official(second, tmp_path / "a.pth")
    assert same(first, second)


@pytest.mark.data
def test_official_keys_are_the_published_list(data: Path, mobile_code: str) -> None:
    network = mobile(mobile_code)
    lines = (data / "lighttrack_mobile/state_dict_keys.txt").read_text().splitlines()
    published = dict(line.split("\t") for line in lines)
    ours = {official_keys(network)[key]: str(tuple(value.shape)) for key, value in network.state_dict().items()}
    assert ours == published


@pytest.mark.slow
def test_missing_and_unexpected_keys_are_reported(tmp_path: Path, mobile_code: str) -> None:
    network = mobile(mobile_code)
    state = {official_keys(network)[key]: value for key, value in network.state_dict().items()}
    del state["neck.BN_z.weight"]
    state["features.blocks.4.3.conv_pw.weight"] = torch.zeros(1)
    report = compare_keys(network, state)
    assert report.missing == ("neck.BN_z.weight",)
    assert report.unexpected == ("features.blocks.4.3.conv_pw.weight",)
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"1 missing: neck.BN_z.weight; 1 unexpected: features.blocks.4.3"):
        load_official(network, tmp_path / "a.pth")


def test_wrong_shape_is_reported(tmp_path: Path, mobile_code: str) -> None:
    network = mobile(mobile_code)
    state = {official_keys(network)[key]: value for key, value in network.state_dict().items()}
    state["features.conv_stem.weight"] = torch.zeros(16, 3, 5, 5)
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(
        InputError, match=r"stem.convolution.weight' has shape \(16, 3, 5, 5\), expected \(16, 3, 3, 3\)"
    ):
        load_official(network, tmp_path / "a.pth")


def test_nothing_is_unpickled(tmp_path: Path, mobile_code: str) -> None:
    trap = tmp_path / "sprung"
    torch.save({"state_dict": Bomb(trap)}, tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(pickle.dumps(Bomb(trap)))
    for name in ("a.pth", "b.pth"):
        with pytest.raises(InputError, match=r"refused|no whole"):
            load_official(mobile(mobile_code), tmp_path / name)
    assert not trap.exists()


def test_truncated_and_foreign_files(tmp_path: Path, mobile_code: str) -> None:
    network = mobile(mobile_code)
    save_official(network, tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    cases = {"half.pth": content[: len(content) // 2], "empty.pth": b"", "text.pth": b"hello", "zeros.pth": bytes(1000)}
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=name):
            load_official(network, tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match="expected a state dict"):
        load_official(network, tmp_path / "list.pth")
    with pytest.raises(InputError, match=r"gone\.pth' does not exist"):
        load_official(network, tmp_path / "gone.pth")


@pytest.mark.slow
def test_old_checkpoints_cut_anywhere(tmp_path: Path, mobile_code: str) -> None:
    """The released files are of torch's format before 1.6, which is read by other code than today's."""
    network = mobile(mobile_code)
    state = {official_keys(network)[key]: value for key, value in network.state_dict().items()}
    path = tmp_path / "old.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    load_official(network, path)
    content = path.read_bytes()
    for length in [*range(0, 2000, 37), *range(2000, len(content), len(content) // 25)]:
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"old\.pth"):
            load_official(network, path)


@pytest.mark.slow
def test_tensors_without_numbers(tmp_path: Path, mobile_code: str) -> None:
    network = mobile(mobile_code)
    state = {official_keys(network)[key]: value for key, value in network.state_dict().items()}
    for strange in (torch.zeros(16, 3, 3, 3).to_sparse(), torch.zeros(16, 3, 3, 3, device="meta")):
        torch.save(state | {"features.conv_stem.weight": strange}, tmp_path / "a.pth")
        with pytest.raises(InputError, match=r"no plain tensor|no whole PyTorch file|holds more than"):
            load_official(network, tmp_path / "a.pth")


def test_a_file_of_weights_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    network = tiny(0)
    save_weights(network, tmp_path / "whole.safetensors", {})
    content = (tmp_path / "whole.safetensors").read_bytes()
    cases = {"half": content[: len(content) // 2], "empty": b"", "text": b"hello", "huge": b"\xff" * 100}
    for name, data in cases.items():
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(data)
        with pytest.raises(InputError, match=f"{name}.safetensors' is no whole"):
            load_weights(network, path)
        with pytest.raises(InputError, match=f"{name}.safetensors' is no whole"):
            read_header(path)
    with pytest.raises(InputError, match="does not exist"):
        read_header(tmp_path / "gone.safetensors")


def test_weights_of_other_programs_or_architectures_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="none of this project's"):
        read_header(path)
    with pytest.raises(InputError, match=r"another architecture: \d+ keys missing .*1 unexpected \(a\)"):
        load_weights(tiny(0), path)


def test_values_that_are_not_finite(tmp_path: Path) -> None:
    network = tiny(0)
    with torch.no_grad():
        network.backbone.stem.convolution.weight[0] = float("nan")
    save_weights(network, tmp_path / "a.safetensors", {})
    with pytest.raises(InputError, match=r"'backbone.stem.convolution.weight' holds values that are not finite"):
        load_weights(tiny(1), tmp_path / "a.safetensors")
