"""The house: arrows between folders, packaging, and what stays light."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import zipfile
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import lighttrack_nas

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("trackers", "search_spaces", "benchmarks", "strategies", "lighttrack_nas")
MAY_IMPORT = {
    "trackers": {"trackers"},
    "search_spaces": {"search_spaces", "trackers"},
    "benchmarks": {"benchmarks", "search_spaces", "trackers"},
    "strategies": {"strategies", "search_spaces", "trackers"},
    "lighttrack_nas": set(FOLDERS),
}
# Where a framework may be touched; elsewhere it stays out.
FRAMEWORKS = {
    "nni": {"search_spaces", "strategies"},
    "optuna": {"strategies", "lighttrack_nas"},
    "pytorch_lightning": {"strategies"},
}
RUNNING_HALF = (
    "base.boxes",
    "base.channels",
    "base.errors",
    "base.files",
    "data.frames",
    "data.readers.reader_registry",
    "data.sequence",
    "data.sources",
    "runtimes.exported",
    "tracking.baselines",
    "tracking.crops",
    "tracking.hyper_parameters",
    "tracking.lockstep",
    "tracking.multi_tracker",
    "tracking.protocol",
    "tracking.tracker",
    "training.generator.generated_pairs",
    "training.generator.sets",
    "training.labels.coco",
    "training.labels.crop511",
    "training.labels.imagenet",
    "training.labels.youtubebb",
    "training.pairs.clips",
    "training.pairs.mixture",
    "training.pairs.sequences",
    "training.pairs.stills",
    "training.pairs.unlabelled",
)


def modules(folder: str) -> list[Path]:
    """Source files of a folder, scripts apart; links are not followed into other folders."""
    found = sorted((ROOT / folder).rglob("*.py"))
    return [path for path in found if "scripts" not in path.parts and path.resolve() == path]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def folder_of(name: str) -> str | None:
    """The folder that an imported name lives in; None for other people's packages."""
    parts = name.split(".")
    if parts[0] != "lighttrack_nas":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in FOLDERS else "lighttrack_nas"


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_arrow_runs_back_up(folder: str) -> None:
    assert modules(folder)
    for path in modules(folder):
        for name in imported(path):
            target = folder_of(name)
            assert target is None or target in MAY_IMPORT[folder], f"{path.relative_to(ROOT)} imports {name}"
            framework = name.split(".")[0]
            assert folder in FRAMEWORKS.get(framework, {folder}), f"{path.relative_to(ROOT)} imports {name}"
            assert framework not in FOLDERS[:-1], f"{path.relative_to(ROOT)} imports the bare name {name}"


def rooms() -> dict[str, list[Path]]:
    """The modules of every package, a folder such as "search_spaces/building"."""
    found: dict[str, list[Path]] = {}
    for path in (path for folder in FOLDERS for path in modules(folder)):
        found.setdefault(path.relative_to(ROOT).parent.as_posix(), []).append(path)
    return found


def test_rooms_form_no_circle() -> None:
    known = rooms()

    def room_of(name: str) -> str:
        folder, parts = folder_of(name), name.split(".")
        room = "/".join(parts if folder == "lighttrack_nas" else parts[1:]) if folder else ""
        while room and room not in known:
            room = room.rpartition("/")[0]
        return room

    arrows = {room: {room_of(name) for path in paths for name in imported(path)} for room, paths in known.items()}
    # "" is other people's packages, "lighttrack_nas" the public names, which are looked up when they are used.
    beside = {"", "lighttrack_nas"}
    graph = {room: targets - beside - {room} for room, targets in arrows.items() if room not in beside}
    assert sum(map(len, graph.values())) > len(graph)
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_no_room_holds_more_than_a_dozen_modules() -> None:
    counts = {room: sum(path.name != "__init__.py" for path in paths) for room, paths in rooms().items()}
    for script in (ROOT / "benchmarks" / "scripts").rglob("*.py"):
        folder = script.relative_to(ROOT).parent.as_posix()
        counts[folder] = counts.get(folder, 0) + 1
    assert {room: count for room, count in counts.items() if count > 12} == {}


def test_nni_is_touched_in_few_places() -> None:
    touching = {
        path.relative_to(ROOT / "strategies").as_posix()
        for path in modules("strategies")
        if any(name.split(".")[0] == "nni" for name in imported(path))
    }
    searching = {path for path in touching if not path.startswith("one_shot/")}
    assert searching == {"search/samplers/regularized_evolution.py"}


def test_importing_the_package_is_light() -> None:
    heavy = "{'torch', 'nni', 'optuna', 'cv2', 'numpy', 'pandas', 'pydantic'}"
    code = f"import sys, lighttrack_nas; assert not {heavy} & set(sys.modules), sorted({heavy} & set(sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_needs_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'nni', 'optuna', 'pydantic', 'cv2', 'pandas', 'matplotlib'): sys.modules[name] = None\n"
        "sys.argv = ['lighttrack-nas', '--help']\n"
        "from lighttrack_nas.cli import main\nmain()"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    for command in (
        *("describe", "costs", "import-weights", "export-weights", "track", "evaluate", "trax", "doctor"),
        *(
            "pretrain-backbone",
            "pretrain-network",
            "train-supernet",
            "search",
            "retrain",
            "tune-tracker",
            "quickstart",
            "front",
            "report",
            "predict",
            "findings",
            "rank-correlation",
            "migrate",
            "diff",
            "random",
            "mutate",
        ),
    ):
        assert command in shown


def test_help_names_every_command_once_and_cuts_no_summary() -> None:
    from lighttrack_nas.cli.app import app
    from lighttrack_nas.cli.shared.panels import PANELS, summary

    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output
    assert max(map(len, shown.splitlines())) <= 80
    group = typer.main.get_command(app)
    assert [line[:-1] for line in shown.splitlines() if line[:-1] in PANELS] == list(PANELS)
    for name, command in group.commands.items():
        line = next(line for line in shown.splitlines() if line.startswith(f"  {name} "))
        assert line.split(maxsplit=1)[1] == summary(command)
    assert "..." not in shown.partition("Start:")[2]


def test_running_half_imports_no_torch() -> None:
    names = [f"trackers.{name}" for name in RUNNING_HALF]
    names += [f"benchmarks.evaluation.{name}" for name in ("metrics", "result_files", "one_pass", "vot_protocol")]
    code = (
        "import sys, importlib\nsys.modules['torch'] = None\n"
        f"for name in {names}: importlib.import_module('lighttrack_nas.' + name)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_module_is_imported() -> None:
    names = [module.name for module in pkgutil.walk_packages(lighttrack_nas.__path__, "lighttrack_nas.")]
    assert len(names) > 300
    for name in names:
        if not name.endswith("__main__") and ".scripts" not in name:
            importlib.import_module(name)


def test_every_public_name_resolves() -> None:
    for name in lighttrack_nas.__all__:
        assert getattr(lighttrack_nas, name).__name__.removeprefix("lighttrack_nas.") == name
    for name in lighttrack_nas.integrations.__all__:
        assert getattr(lighttrack_nas.integrations, name).__name__ == name
    with pytest.raises(AttributeError, match="nonsense"):
        _ = lighttrack_nas.nonsense


def test_links_serve_the_tools_that_read_the_tree() -> None:
    for folder in FOLDERS[:-1]:
        link = ROOT / "lighttrack_nas" / folder
        assert link.is_symlink()
        assert link.readlink() == Path("..") / folder


@pytest.mark.slow
def test_wheel_has_one_name_and_every_module(tmp_path: Path) -> None:
    # Through the source distribution, as a release is built; without isolation, so that no network is needed.
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"lighttrack_nas"}
    for folder in FOLDERS:
        for path in modules(folder):
            inside = path.relative_to(ROOT) if folder == "lighttrack_nas" else "lighttrack_nas" / path.relative_to(ROOT)
            assert inside.as_posix() in names
    presets = {path.name for path in (ROOT / "search_spaces/presets").glob("*.yaml")}
    assert presets
    assert {name.rsplit("/", 1)[1] for name in names if name.endswith(".yaml")} == presets | {
        "quickstart.yaml",
        "quickstart-without-teacher.yaml",
    }
    assert {"lighttrack_nas/__init__.pyi", "lighttrack_nas/integrations/__init__.pyi"} <= names
    assert "lighttrack_nas/pretrained/lighttrack-tiny-generated.safetensors" in names
    parts = {path.name for path in (ROOT / "lighttrack_nas/report/parts").iterdir()}
    assert {name.rsplit("/", 1)[1] for name in names if name.startswith("lighttrack_nas/report/parts/")} == parts


def test_version_is_said_once() -> None:
    declared = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert declared
    assert declared[1] == lighttrack_nas.__version__
    assert f"## {declared[1]}" in (ROOT / "CHANGELOG.md").read_text()


def test_make_check_runs_every_folder_of_tests() -> None:
    root = Path(__file__).parent
    makefile = (root.parent / "Makefile").read_text().replace("\\\n", "")
    (parts,) = re.findall(r"^PARTS := (.*)$", makefile, re.MULTILINE)
    folders = {f"tests/{path.relative_to(root).parts[0]}" for path in root.glob("*/**/test_*.py")}
    assert sorted(parts.replace('"', "").split()) == sorted({*folders, "tests/test_*.py"})
