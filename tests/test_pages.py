"""The README and the guides: every command and every Python block runs, page by page, and links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import typer
import yaml

from lighttrack_nas.cli.app import app
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.weights.official_weights import save_official

from .warm_processes import WarmProcesses

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
GUIDES = {path.stem: path for path in sorted((ROOT / "docs/guides").glob("*.md"))}
# Pages that share a folder: the second goes on with the first one's files.
TOGETHER = {"track": ["track", "python"]}
ALONE = sorted(GUIDES.keys() - {"python"})
# Not run here: making an environment, the demo and the documentation are what `.ci/run` does.
ELSEWHERE = ("python3 -m venv", "pip install", "make ", "lighttrack-nas quickstart")
# Not run again in guides: the README runs them, and nothing later needs what they leave.
README_RUNS = ("lighttrack-nas doctor", "lighttrack-nas compare", "lighttrack-nas track lighttrack-tiny-generated")


@pytest.fixture
def folder(tmp_path: Path, mobile_code: str) -> Path:
    """What the pages take for granted: a released checkpoint, sequences, a video."""
    space = load_space("lighttrack")
    torch.manual_seed(0)
    save_official(build_network(space.decode(mobile_code)), tmp_path / "official.pth")
    rng = np.random.default_rng(0)
    texture = rng.integers(100, 256, (24, 32, 3), np.uint8)
    video = cv2.VideoWriter(str(tmp_path / "video.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (160, 120))
    for name in ("first", "second"):
        sequence = tmp_path / "sequences" / name
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
    return tmp_path


def blocks(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def smaller(text: str) -> str:
    """A configuration with fewer steps, trials, seeds, frames and processes; anything else as it is."""
    content: dict[str, Any] = yaml.safe_load(text)
    if "strategies" in content:
        return yaml.safe_dump(content | {"seeds": 2, "trials": 30, "workers": 1})
    if "extends" in content or "stages" in content:
        return text
    for part in ("supernet", "retrain", "ranking"):
        if part in content:
            few = {"steps": 2, "batch_size": 4, "workers": 0}
            content[part]["training"] = content[part].get("training", {}) | few
            content[part]["training"].pop("warmup_steps", None)
    if "search" in content:
        # A latency table takes minutes.
        content["search"].setdefault("latency", {}).setdefault("source", "measured")
        content["search"] |= {"trials": 3, "population": 2, "strategy": "nsga2", "calibration_batches": 1}
    if "predictor" in content:
        content["predictor"]["networks"] = 10
    if content.get("validation") == {"path": "generated-val-v1"}:
        # The demo makes these and tracks on them.
        content["validation"] = {"path": "sequences"}
    if "ranking" in content:
        content["ranking"]["architectures"] = 4
    return yaml.safe_dump(content)


def run(call: list[str], folder: Path, environment: Mapping[str, str], warm: WarmProcesses | None) -> str:
    """Run Python, in a fresh process where no warm one is given; what it printed."""
    if warm is None:
        done = subprocess.run([sys.executable, *call], cwd=folder, capture_output=True, text=True, env=environment)
    else:
        done = warm.run(call, cwd=folder, env=environment)
    assert done.returncode == 0, f"{shlex.join(call)}\n{done.stderr}"
    return done.stdout


def run_page(page: Path, folder: Path, warm: WarmProcesses) -> str:
    """Run a page's commands, then its Python blocks as one program; what the program printed.

    The README's program runs in a fresh process, as a user's does; the demo runs fresh commands.
    """
    program, environment = "", dict(os.environ)
    for language, content in blocks(page):
        name = re.match(r"# (\S+\.(?:yaml|py))\n", content)
        if language == "yaml":
            assert name, f"{page.name}: a YAML block starts with its file's name"
            (folder / name[1]).write_text(smaller(content))
        elif language == "python" and name:
            (folder / name[1]).write_text(content)
        elif language == "python":
            program += content
        elif language == "bash":
            for line in content.splitlines():
                words = shlex.split(line.replace("tuning.trials=20", "tuning.trials=2"), comments=True)
                if words[0] == "export":
                    environment |= [words[1].split("=", 1)]
                elif not line.startswith(ELSEWHERE if page == README else (*ELSEWHERE, *README_RUNS)):
                    assert words[0] == "lighttrack-nas", line
                    assert run(["-m", "lighttrack_nas", *words[1:]], folder, environment, warm).strip(), line
    if not program:
        return ""
    (folder / f"{page.stem}_blocks.py").write_text(program)
    return run(["-W", "error", f"{page.stem}_blocks.py"], folder, environment, None if page == README else warm)


@pytest.mark.slow
def test_the_readme_s_commands_and_python_run(folder: Path, warm: WarmProcesses) -> None:
    assert "530.411008 M MACs 1.969397 M parameters" in run_page(README, folder, warm)
    assert (folder / "runs/chain/search/front.csv").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("guide", ALONE)
def test_every_guide_s_commands_and_python_run(guide: str, folder: Path, warm: WarmProcesses) -> None:
    for each in TOGETHER.get(guide, [guide]):
        run_page(GUIDES[each], folder, warm)


def test_pages_show_every_command() -> None:
    text = "\n".join(page.read_text() for page in [README, *GUIDES.values()])
    commands = typer.main.get_command(app).commands
    assert not [name for name in commands if f"`{name}" not in text and f"lighttrack-nas {name}" not in text]


def test_links_lead_somewhere() -> None:
    for page in [README, *(ROOT / "docs").glob("*.md"), *GUIDES.values()]:
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            generated = "/reference/" in f"/{link}"
            assert generated or link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_readme_is_short_and_pictures_are_small() -> None:
    assert len(README.read_text().splitlines()) <= 200
    assert all(path.stat().st_size < 150_000 for path in (ROOT / "docs/images").iterdir())
