"""What measures a chain's architectures."""

from collections.abc import Callable
from pathlib import Path

import pytest

import lighttrack_nas as ltn
from lighttrack_nas.chain.evaluators import supernet_evaluator
from lighttrack_nas.config.config_files import load_config


def test_the_record_of_a_search_names_what_was_left_out(
    tmp_path: Path, write_sequences: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not why, which holds paths: with the same data elsewhere, a worker of another machine goes on."""
    config = load_config(None, ["validation.path=$VIDEOS/data", "validation.on_bad=leave out"])
    supernet = ltn.Supernet(ltn.load_space(config.space)).eval()
    records = []
    for machine in ("here", "there"):
        data = write_sequences(tmp_path / machine / "data", 2, 3)
        (data / "video1" / "groundtruth.txt").write_text("none\n")
        monkeypatch.setenv("VIDEOS", str(tmp_path / machine))
        records.append(supernet_evaluator(config, lambda sentence: None, supernet=supernet).record())
    assert records[0]["data"]["left_out"] == ["video1"]
    assert records[0] == records[1]
