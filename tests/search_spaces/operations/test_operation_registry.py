"""Operations of one's own: decorated modules, files that a space names, and other packages' entry points."""

import os
import pickle
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import torch
from pydantic import Field
from torch import Tensor, nn

from lighttrack_nas.models.models import load_model, save_model
from lighttrack_nas.models.supernets import load_supernet, save_supernet
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.loading.texts import space_python
from lighttrack_nas.search_spaces.loading.values import Choice, Layer, Stage, Tower, define_space
from lighttrack_nas.search_spaces.operations import operation_registry
from lighttrack_nas.search_spaces.operations.operation_registry import operation, operation_class, read_operation
from lighttrack_nas.trackers.base.errors import InputError

PLUGIN = """
from torch import nn
from lighttrack_nas import operation

@operation("wide{number}")
class Wide(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, stride: int, *, kernel: int = 9) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
        )
"""
SPACE = """
extends: lighttrack-tiny
plugins: [wide.py]
stages: {{stage1: {{operations: {{wide{number}: {{kernel: [3, 9]}}}}}}}}
"""


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation_registry, "_REGISTERED", dict(operation_registry._REGISTERED))


class Plain(nn.Conv2d):
    """A convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, kernel: Annotated[int, Field(ge=1)] = 3) -> None:
        if inputs % 2:
            raise ValueError(f"{inputs} channels are not even")
        super().__init__(inputs, outputs, kernel, stride, kernel // 2)


class Same(nn.Conv2d):
    """It has no stride."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1)


class Liar(nn.Module):
    """It says that it takes a stride, and does not."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(inputs, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.inner(features)


def test_a_module_s_signature_says_everything() -> None:
    assert operation("plain")(Plain) is Plain
    made = read_operation({"kind": "plain", "kernel": 5})
    assert made.default_name() == "plain-k5"
    built = made.build(8, 16, 2)
    assert isinstance(built, Plain)
    assert built(torch.zeros(1, 8, 9, 9)).shape == (1, 16, 5, 5)
    assert made.refusal(8, 16, 2) == ""
    assert made.model_dump(mode="json") == {"kind": "plain", "kernel": 5}


@pytest.mark.parametrize(
    ("module", "shape", "said"),
    [
        (Plain, (7, 16, 1), "ValueError: 7 channels are not even"),
        (Same, (8, 16, 2), "it takes no stride"),
        (Liar, (8, 16, 2), r"it turns \(1, 8, 16, 16\) into \(1, 16, 16, 16\), not into \(1, 16, 8, 8\)"),
    ],
)
def test_what_a_module_cannot_do_is_found_by_running_it(module: Any, shape: tuple[int, int, int], said: str) -> None:
    operation("mine")(module)
    state = torch.random.get_rng_state()
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(read_operation({"kind": "mine"}).refusal(*shape))
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"kind": "plain", "kernel": 0}, "kernel: .*greater than or equal to 1"),
        ({"kind": "plain", "kernal": 3}, "unknown key 'kernal'; did you mean 'kernel'"),
        ({"kind": "plan"}, "unknown operation 'plan'; did you mean 'plain'.*LIGHTTRACK_NAS_PLUGINS"),
        ({"kernel": 3}, "expected a mapping of kind and parameters"),
        (3, "expected a mapping of kind and parameters, got 3"),
    ],
)
def test_mistakes_in_parameters(value: Any, said: str) -> None:
    operation("plain")(Plain)
    with pytest.raises(ValueError, match=said):
        read_operation(value)


def test_a_class_without_a_file_is_refused() -> None:
    typed: dict[str, Any] = {"__name__": "nowhere"}
    code = (
        "from torch import nn\nclass Typed(nn.Conv2d):\n"
        "    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3) -> None:\n"
        "        super().__init__(inputs, outputs, kernel)\n"
    )
    exec(code, typed)
    with pytest.raises(InputError, match=r"'typed' \(Typed\): the class was typed in and has no file"):
        operation("typed")(typed["Typed"])


def test_signatures_that_cannot_be_read() -> None:
    class Untyped(nn.Module):
        def __init__(self, inputs: int, outputs: int, kernel=3) -> None:  # the case
            super().__init__()

    class Turned(nn.Module):
        def __init__(self, outputs: int, inputs: int) -> None:
            super().__init__()

    with pytest.raises(InputError, match=r"'mine' \(Untyped\): parameter 'kernel' needs a type"):
        operation("mine")(Untyped)
    with pytest.raises(InputError, match=r"begin with inputs, outputs.*got \['outputs', 'inputs'\]"):
        operation("mine")(Turned)
    with pytest.raises(InputError, match="the name is taken"):
        operation("mbconv")(Plain)


class Several(nn.Conv2d):
    """A parameter that is a list."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, sizes: list[int]) -> None:
        super().__init__(inputs, outputs, sizes[0], stride, sizes[0] // 2)


def test_a_parameter_may_be_a_list(tmp_path: Path) -> None:
    operation("several")(Several)
    path = tmp_path / "mine.yaml"
    path.write_text("extends: lighttrack-tiny\nstages: {stage1: {operations: {several: {sizes: [[3, 1], [5, 1]]}}}}\n")
    space = load_space(path)
    assert space.candidates["stage1-block0"] == ("several-3-1", "several-5-1")
    assert hash(space) == hash(load_space(path))


@pytest.mark.parametrize("kind", ["a/b", "a_b", "a.b", "", "-a"])
def test_names_that_no_space_could_hold(kind: str) -> None:
    with pytest.raises(InputError, match="a name has letters, digits and hyphens"):
        operation(kind)(Plain)


def test_a_named_file_that_fails_is_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wide.py").write_text("raise SystemError('no')\n")
    monkeypatch.setenv("LIGHTTRACK_NAS_PLUGINS", str(tmp_path / "wide.py"))
    path = tmp_path / "mine.yaml"
    path.write_text(SPACE.format(number=6).replace("plugins: [wide.py]\n", ""))
    with pytest.raises(InputError, match=r"wide6: LIGHTTRACK_NAS_PLUGINS: plugin '.*wide.py', line 1, fails: System"):
        load_space(path)


def test_a_file_beside_the_space(tmp_path: Path) -> None:
    (tmp_path / "wide.py").write_text(PLUGIN.format(number=1))
    path = tmp_path / "mine.yaml"
    path.write_text(SPACE.format(number=1))
    space = load_space(path)
    assert len(space.candidates["stage1-block0"]) == 2
    assert load_space(path) == space
    network = build_network(space.sample(np.random.default_rng(0)))
    assert "Wide" in repr(network)


def described(warm: Any, folder: Path, number: int, code: str) -> str:
    """The hash of a space whose plugin is some code, in a process of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "wide.py").write_text(code)
    (folder / "mine.yaml").write_text(SPACE.format(number=number))
    source = f"import lighttrack_nas as ltn; print(ltn.load_space({str(folder / 'mine.yaml')!r}).hash)"
    ran = warm.run(["-c", source])
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.mark.slow
def test_the_hash_covers_the_code_of_plugins_and_not_their_place_or_comments(tmp_path: Path, warm: Any) -> None:
    code = PLUGIN.format(number=7)
    first = described(warm, tmp_path / "a", 7, code)
    assert described(warm, tmp_path / "b", 7, code + "\n# A comment.\n") == first
    assert described(warm, tmp_path / "a", 7, code.replace("nn.ReLU()", "nn.ReLU6()")) != first


def test_weights_of_other_code_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wide.py").write_text(PLUGIN.format(number=8))
    path = tmp_path / "mine.yaml"
    path.write_text(SPACE.format(number=8))
    space = load_space(path)
    architecture = space.sample(np.random.default_rng(0))
    save_supernet(Supernet(space), tmp_path / "supernet.safetensors")
    save_model(build_network(architecture), architecture, tmp_path / "model.safetensors")
    assert load_supernet(tmp_path / "supernet.safetensors", space).space == space
    assert load_model(tmp_path / "model.safetensors").architecture == architecture
    monkeypatch.setattr("lighttrack_nas.search_spaces.description.space_parts.code_digest", lambda file: "another")
    for load, name in ((load_supernet, "supernet"), (load_model, "model")):
        with pytest.raises(InputError, match=f"{name}.safetensors' was trained with other code of .* in wide.py now"):
            load(tmp_path / f"{name}.safetensors")


def test_expansions_of_an_operation_that_takes_whole_numbers(tmp_path: Path) -> None:
    (tmp_path / "wide.py").write_text(
        PLUGIN.format(number=9)
        .replace("kernel: int = 9", "kernel: int = 9, expansion: int")
        .replace("super().__init__(", "assert isinstance(expansion, int)\n        super().__init__(")
    )
    path = tmp_path / "mine.yaml"
    path.write_text(SPACE.format(number=9).replace("9]}}", "9]}}, expansions: [1.5, 4]"))
    with pytest.raises(
        InputError, match=r"mine.yaml:4: stages\[1\].expansions\[0\]: '.*-k3' takes no expansion of 1.5: .*integer"
    ):
        load_space(path)
    path.write_text(SPACE.format(number=9).replace("9]}}", "9]}}, expansions: [2, 4]"))
    space = load_space(path)
    assert space.candidates["stage1-block0-expansion"] == ("2", "4")
    assert "Wide" in repr(build_network(space.sample(np.random.default_rng(0))))


def test_a_space_of_values_names_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wide.py").write_text(PLUGIN.format(number=10))
    monkeypatch.chdir(tmp_path)
    space = define_space(
        name="mine",
        extends="lighttrack-tiny",
        plugins=["wide.py"],
        stages={"stage1": Stage(operations=[Choice("wide10", kernel=[3, 9])])},
    )
    assert 'plugins=["wide.py"]' in space_python(space)
    names = {"define_space": define_space, "Stage": Stage, "Tower": Tower, "Layer": Layer, "Choice": Choice}
    assert eval(space_python(space), names) == space
    with pytest.raises(InputError, match=r"define_space\('mine'\): plugin '.*none.py' cannot be read"):
        define_space(name="mine", extends="lighttrack-tiny", plugins=["none.py"])


@pytest.mark.slow
def test_other_processes_run_the_file_again(tmp_path: Path, warm: Any) -> None:
    (tmp_path / "wide.py").write_text(PLUGIN.format(number=2))
    path = tmp_path / "mine.yaml"
    path.write_text(SPACE.format(number=2))
    space = load_space(path)
    pickled = tmp_path / "space.pickle"
    pickled.write_bytes(pickle.dumps(space))
    code = f"import pickle; print(pickle.load(open({str(pickled)!r}, 'rb')).hash)"
    ran = warm.run(["-c", code])
    assert ran.stdout.strip() == space.hash, ran.stderr


@pytest.mark.slow
def test_the_environment_names_files_for_what_is_no_space_file(tmp_path: Path, warm: Any) -> None:
    (tmp_path / "wide.py").write_text(PLUGIN.format(number=3))
    path = tmp_path / "mine.yaml"
    path.write_text(SPACE.format(number=3).replace("plugins: [wide.py]\n", ""))
    code = f"import lighttrack_nas as ltn; print(len(ltn.load_space({str(path)!r}).candidates['stage1-block0']))"

    def ran(**environment: str) -> Any:
        return warm.run(["-c", code], env=os.environ | environment)

    assert ran(LIGHTTRACK_NAS_PLUGINS=str(tmp_path / "wide.py")).stdout.strip() == "2"
    assert "unknown operation 'wide3'" in ran().stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "import nothing_of_that_name\n",
            "wide.py', line 1, fails: ModuleNotFoundError: No module named 'nothing_of_that_name'",
        ),
        ("x = 1\nraise SystemError('no')\n", "wide.py', line 2, fails: SystemError: no"),
        ("import sys\nsys.exit(3)\n", "wide.py', line 2, fails: SystemExit: 3"),
        ("def :\n", "wide.py' fails: SyntaxError"),
    ],
)
def test_a_file_that_fails(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "wide.py").write_text(text)
    path = tmp_path / "mine.yaml"
    path.write_text(SPACE.format(number=4))
    for _ in range(2):
        with pytest.raises(InputError, match=f"mine.yaml:3: plugin .*{said}"):
            load_space(path)


def test_other_packages_bring_operations_and_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wide_package.py").write_text(
        PLUGIN.format(number=5) + f"\nSPACE = {str(tmp_path / 'packaged.yaml')!r}\n"
    )
    (tmp_path / "packaged.yaml").write_text(SPACE.format(number=5).replace("plugins: [wide.py]\n", ""))
    information = tmp_path / "wide_package-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: wide-package\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[lighttrack_nas.operations]\nwide5 = wide_package:Wide\nbroken = gone_package:Gone\n"
        "[lighttrack_nas.spaces]\nwide-space = wide_package:SPACE\nbroken-space = gone_package:SPACE\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert operation_class("wide5").model_fields["kernel"].default == 9
    assert len(load_space("wide-space").candidates["stage1-block0"]) == 2
    with pytest.raises(InputError, match=r"operation 'broken' of package 'wide-package' .* cannot be imported: Module"):
        operation_class("broken")
    with pytest.raises(InputError, match=r"space 'broken-space' of package 'wide-package' .* cannot be loaded"):
        load_space("broken-space")
    with pytest.raises(InputError, match="did you mean 'wide-space'"):
        load_space("wide-spaces")
    assert load_space("lighttrack-tiny").name == "lighttrack-tiny"


def test_a_slip_in_a_plugin_is_said_once_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "slip.py").write_text(
        "from torch import nn\nimport lighttrack_nas as ltn\n\n\n@ltn.operation('slip')\nclass Slip(nn.Module):\n"
        "    def __init__(self, inputs: int, outputs: int, stride: int, *, kernel: int = 3) -> None:\n"
        "        super().__init__()\n\n    def forward(self, features):\n        return self.nothing(features)\n"
    )
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\nextends: lighttrack-table\nplugins: [slip.py]\nstages:\n"
        "  stage2: {operations: {slip: {kernel: [3, 5]}}}\n  stage3: {operations: {slip: {kernel: 3}}}\n"
    )
    with pytest.raises(InputError) as caught:
        load_space(path)
    said = str(caught.value)
    assert said.startswith(f"{path}:3: plugins: operation 'slip' of plugin '{tmp_path / 'slip.py'}', line 11, fails: ")
    assert said.count("AttributeError") == 1
    assert "cannot turn" not in said
