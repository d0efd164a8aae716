"""Every command and every Python block of the README runs, in one folder, in order."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.weights.official_weights import save_official

ROOT = Path(__file__).resolve().parent.parent
# Not run here: making an environment and the demo are what `.ci/run` does.
ELSEWHERE = ("python3 -m venv", "pip install", "lighttrack-nas quickstart")
# These configurations are run with other numbers in place of their own.
SMALLER = {
    "chain.yaml": {
        r"steps: \d+": "steps: 2, batch_size: 4",
        r"trials: \d+": "trials: 3\n  population: 2",
        r"networks: \d+": "networks: 10",
    },
    "taught.yaml": {r"steps: \d+": "steps: 2, batch_size: 4"},
    "compare.yaml": {r"seeds: \d+": "seeds: 2", r"trials: \d+": "trials: 30"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, mobile_code: str) -> Path:
    """What the README takes for granted: a released checkpoint, sequences, a video."""
    folder = tmp_path_factory.mktemp("readme")
    space = load_space("lighttrack")
    torch.manual_seed(0)
    save_official(build_network(space.decode(mobile_code)), folder / "official.pth")
    rng = np.random.default_rng(0)
    texture = rng.integers(100, 256, (24, 32, 3), np.uint8)
    video = cv2.VideoWriter(str(folder / "video.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (160, 120))
    for name in ("first", "second"):
        sequence = folder / "sequences" / name
        sequence.mkdir(parents=True)
        boxes = []
        for index in range(5):
            frame = np.full((120, 160, 3), 40, np.uint8)
            frame[40:64, 60 + 2 * index : 92 + 2 * index] = texture
            boxes.append(f"{60 + 2 * index},40,32,24\n")
            cv2.imwrite(str(sequence / f"{index + 1:08d}.jpg"), frame)
            video.write(frame)
        (sequence / "groundtruth.txt").write_text("".join(boxes))
    video.release()
    return folder


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.slow
def test_readme(folder: Path) -> None:
    for block in blocks("yaml"):
        name = re.match(r"# (\S+\.yaml)\n", block)
        assert name, "a YAML block starts with its file's name"
        for pattern, smaller in SMALLER.get(name[1], {}).items():
            assert re.search(pattern, block)
            block = re.sub(pattern, smaller, block)
        (folder / name[1]).write_text(block)
    commands = [line for block in blocks("bash") for line in block.splitlines()]
    ran = set()
    for line in commands:
        if line.startswith(ELSEWHERE):
            continue
        words = shlex.split(line)
        if words[1] == "rank-correlation":
            words[-1] = re.sub(r"architectures: \d+", "architectures: 4", words[-1])
            words[-1] = re.sub(r"steps: \d+", "steps: 2, batch_size: 4", words[-1])
        assert words[0] == "lighttrack-nas", line
        done = subprocess.run(
            [sys.executable, "-m", "lighttrack_nas", *words[1:]], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert done.stdout.strip(), line
        ran.add(words[1])
    assert ran == {
        *("doctor", "describe", "costs", "import-weights", "track", "evaluate", "export-weights"),
        *("train-supernet", "search", "retrain", "tune-tracker", "front", "findings", "export", "latency", "compare"),
        *("rank-correlation", "diff", "random", "mutate", "migrate", "predict"),
    }
    for run in ("mobile", "mil", "never-moves"):
        assert (folder / "runs" / run / "summary.json").is_file()
    code = "\n".join(blocks("python"))
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "530.411008 M MACs 1.969397 M parameters" in done.stdout
