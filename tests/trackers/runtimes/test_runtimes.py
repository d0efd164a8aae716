"""Every installed runtime reproduces the network, and says in a sentence what it cannot do."""

from __future__ import annotations

import copy
import dataclasses
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.runtimes import graphs, runtime_registry
from lighttrack_nas.trackers.runtimes.graphs import Graph
from lighttrack_nas.trackers.runtimes.onnx_files import onnx_writing
from lighttrack_nas.trackers.runtimes.program import STORED, Options, Program, make_program, open_program, write_graph
from lighttrack_nas.trackers.runtimes.runtime_registry import RUNTIMES, checked_runtime, runtime_versions
from lighttrack_nas.trackers.tracking.crops import network_input
from lighttrack_nas.trackers.weights.official_weights import load_official

from .small_space import small_space

# Graphs are exported once for all runtimes.
pytestmark = pytest.mark.xdist_group("runtimes")

# Of the largest value. Half precision keeps 11 bits of the weights, bfloat16 8 of everything.
EXACT, HALF, BRAIN = 1e-5, 5e-3, 5e-2


# The same graph for every runtime, so that it is exported once.
template_graph, track_graph = cache(graphs.template_graph), cache(graphs.track_graph)


@pytest.fixture(scope="module", autouse=True)
def _exported_once() -> Iterator[None]:
    """An export takes seconds, and is the same for all runtimes: each gets a copy of the ONNX model."""

    def once(make: Callable[[Graph], Any], copied: Callable[[Any], Any]) -> Callable[[Graph], Any]:
        made: dict[int, tuple[Graph, Any]] = {}  # with the graph, so that no other one gets its number

        def kept(graph: Graph) -> Any:
            if id(graph) not in made:
                made[id(graph)] = graph, make(graph)
            return copied(made[id(graph)][1])

        return kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphs, "exported", once(graphs.exported, lambda program: program))
        patch.setattr(onnx_writing, "onnx_model", once(onnx_writing.onnx_model, copy.deepcopy))
        yield


def refuses(runtime: str, precision: str) -> bool | None:
    """Whether a runtime does not compute in a precision on this processor; None where either is right."""
    if runtime == "openvino":
        # Its capabilities are what is fast: with AVX-512 alone it has no BF16, and computes in it all the same.
        capabilities = pytest.importorskip("openvino").Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return False if {"float16": "FP16", "bfloat16": "BF16"}[precision] in capabilities else None
    if runtime == "ncnn":
        return precision == "float16" and not pytest.importorskip("ncnn").cpu_support_arm_asimdhp()
    return runtime in ("onnxruntime", "opencv")


def runtimes(files: bool = False) -> list[object]:
    """The runtimes as parameters; those that are not installed are skipped, saying so."""
    chosen = []
    for name, runtime in RUNTIMES.items():
        missing = [package for package in (*runtime.packages, *runtime.writing) if find_spec(package) is None]
        marks = [pytest.mark.skipif(bool(missing), reason=f"{' and '.join(missing)} not installed")]
        if name == "torch-compiled":
            marks.append(pytest.mark.slow)
        if runtime.suffixes or not files:
            chosen.append(pytest.param(name, marks=marks, id=name))
    return chosen


every_runtime = pytest.mark.parametrize("runtime", runtimes())
every_file_runtime = pytest.mark.parametrize("runtime", runtimes(files=True))


def with_statistics(network: SiameseNetwork) -> SiameseNetwork:
    """Norms as training leaves them: fresh ones fold into nothing."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3, generator=generator)
            module.running_var.uniform_(0.3, 1.5, generator=generator)
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.uniform_(-0.3, 0.3, generator=generator)
    return network.eval()


@cache
def tiny(stage: str, activation: str = "exp", layer: str = "k3") -> SiameseNetwork:
    """A network of the small space: the exit's stage, the activation of boxes, the layers of both towers."""
    space = small_space()
    choices = dict(space.sample(np.random.default_rng(0)).choices)
    for label, values in space.labels.items():
        if label == "output":
            choices[label] = next(value for value in values if value.startswith(stage))
        elif layer in values and "layer" in label:
            choices[label] = layer
    torch.manual_seed(0)
    network = with_statistics(build_network(space.architecture(choices)))
    network.geometry = dataclasses.replace(network.geometry, box_activation=activation)
    return network


def mobile(code: str, weights: Path | None = None) -> SiameseNetwork:
    """LightTrack-Mobile."""
    space = load_space("lighttrack")
    torch.manual_seed(0)
    network = with_statistics(build_network(space.decode(code)))
    if weights is not None:
        load_official(network, weights)
    return network.eval()


def crop(side: int, seed: int = 0) -> np.ndarray:
    """A crop of soft colours, ``(side, side, 3)`` BGR uint8."""
    noise = np.random.default_rng(seed).integers(0, 256, (side // 8 + 1, side // 8 + 1, 3), np.uint8)
    return np.ascontiguousarray(cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC))


def expected(network: SiameseNetwork, template: np.ndarray, search: np.ndarray) -> tuple[np.ndarray, ...]:
    """What torch answers: the template's features, logits, distances."""
    with torch.inference_mode():
        features = network.template(torch.from_numpy(network_input(template)))
        logits, distances = network.track(features, torch.from_numpy(network_input(search)))
    return features.numpy(), logits.numpy(), distances.numpy()


def assert_close(found: Sequence[np.ndarray], wanted: Sequence[np.ndarray], tolerance: float) -> None:
    """Compare relative to the maximum of each."""
    assert [a.shape for a in found] == [a.shape for a in wanted]
    assert [a.dtype for a in found] == [np.float32] * len(found)
    for mine, theirs in zip(found, wanted, strict=True):
        assert abs(mine - theirs).max() <= tolerance * abs(theirs).max()


def check(runtime: str, network: SiameseNetwork, search_size: int, tolerance: float = EXACT) -> None:
    """Make both programs and compare them with the network."""
    template, search = crop(network.geometry.template_size), crop(search_size, seed=1)
    features, *predictions = expected(network, template, search)
    made = make_program(runtime, template_graph(network), Options())
    assert_close(made.run(network_input(template)), [features], tolerance)
    made = make_program(runtime, track_graph(network, search_size), Options(threads=2))
    assert_close(made.run(features, network_input(search)), predictions, tolerance)


@every_runtime
@pytest.mark.parametrize(
    "chosen",
    [("stage2", "exp", "k5"), pytest.param(("stage3", "relu", "skip"), marks=pytest.mark.slow)],
    ids=["stage2-exp-k5", "stage3-relu-skips"],
)
def test_programs_reproduce_the_network(runtime: str, chosen: tuple[str, ...]) -> None:
    check(runtime, tiny(*chosen), 128)


@every_runtime
@pytest.mark.slow
def test_programs_reproduce_lighttrack_mobile_with_random_weights(runtime: str, mobile_code: str) -> None:
    check(runtime, mobile(mobile_code), 255, tolerance=5e-5)  # its values are large


@every_runtime
@pytest.mark.slow
@pytest.mark.data
def test_programs_reproduce_lighttrack_mobile(runtime: str, mobile_code: str, data: Path) -> None:
    check(runtime, mobile(mobile_code, data / "lighttrack_mobile" / "lighttrack_mobile.pth"), 256)


@pytest.fixture(scope="module")
def network() -> SiameseNetwork:
    """The network of the tests below."""
    return tiny("stage2")


@pytest.fixture(scope="module")
def template_files(network: SiameseNetwork, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], Path]:
    """Copies a runtime's files of the template's graph into a folder, written once; gives their name without suffix."""
    written: dict[str, Path] = {}

    def copied(runtime: str, folder: Path) -> Path:
        if runtime not in written:
            written[runtime] = tmp_path_factory.mktemp(runtime)
            write_graph(runtime, template_graph(network), written[runtime] / "template")
        shutil.copytree(written[runtime], folder, dirs_exist_ok=True)
        return folder / "template"

    return copied


@pytest.fixture
def template_program(
    runtime: str, network: SiameseNetwork, template_files: Callable[[str, Path], Path], tmp_path: Path
) -> Callable[[Options], Program]:
    """Opens the template's program in a runtime, from files that are there where it has files."""

    def opened(options: Options) -> Program:
        if RUNTIMES[runtime].suffixes:
            return open_program(runtime, template_files(runtime, tmp_path), options)
        return make_program(runtime, template_graph(network), options)

    return opened


@pytest.mark.slow
@every_runtime
def test_answers_stay_when_the_program_runs_again(template_program: Callable[..., Program]) -> None:
    made = template_program(Options())
    first = made.run(network_input(crop(64)))[0]
    kept = first.copy()
    made.run(network_input(crop(64, seed=1)))
    assert np.array_equal(first, kept)


@pytest.mark.slow
@every_file_runtime
def test_raw_graphs_take_the_crop_itself(runtime: str, network: SiameseNetwork) -> None:
    template, frame = crop(64), crop(200, seed=1)
    search = frame[20:148, 30:158]  # a view, as the tracker cuts it
    features, *predictions = expected(network, template, search)
    made = make_program(runtime, template_graph(network, raw=True), Options())
    assert_close(made.run(template[None]), [features], EXACT)
    made = make_program(runtime, track_graph(network, 128, raw=True), Options())
    assert_close(made.run(features, search[None]), predictions, EXACT)


@pytest.mark.slow
@every_file_runtime
@pytest.mark.parametrize("raw", [False, True], ids=["normalised", "raw"])
def test_one_dynamic_graph_takes_every_search_size(runtime: str, raw: bool, network: SiameseNetwork) -> None:
    made = make_program(runtime, track_graph(network, 128, dynamic=True, raw=raw), Options())
    for side in (128, 127, 160, 96):
        search = crop(side, seed=side)
        features, *predictions = expected(network, crop(64), search)
        assert_close(made.run(features, search[None] if raw else network_input(search)), predictions, EXACT)


@pytest.mark.slow
@every_runtime
def test_correlation_by_convolution_or_a_sentence(runtime: str, network: SiameseNetwork) -> None:
    graph = track_graph(network, 128, correlation="convolution")
    if runtime == "ncnn":
        with pytest.raises(InputError, match="correlate as matmul"):
            make_program(runtime, graph, Options())
        return
    features, *predictions = expected(network, crop(64), crop(128))
    made = make_program(runtime, graph, Options())
    assert_close(made.run(features, network_input(crop(128))), predictions, EXACT)


@pytest.mark.slow
@every_file_runtime
def test_half_weights_halve_the_files(runtime: str, network: SiameseNetwork, tmp_path: Path) -> None:
    graph = template_graph(network)
    sizes = []
    for precision in STORED:
        write_graph(runtime, graph, tmp_path / precision, precision)
        weights = tmp_path / f"{precision}{RUNTIMES[runtime].suffixes[-1]}"
        sizes.append(weights.stat().st_size)
    saved = sum(parameter.numel() for parameter in graph.module.parameters()) * 2
    assert sizes[0] - sizes[1] > 0.9 * saved
    features, *_ = expected(network, crop(64), crop(128))
    found = open_program(runtime, tmp_path / "float16", Options()).run(network_input(crop(64)))
    assert_close(found, [features], HALF)


@every_runtime
def test_lower_precisions_are_taken_or_refused_never_ignored(
    runtime: str, network: SiameseNetwork, template_program: Callable[..., Program]
) -> None:
    features, *_ = expected(network, crop(64), crop(128))
    for precision, finest in (("float16", 1e-5), ("bfloat16", 1e-4)):
        refusal, program = None, None
        try:
            program = template_program(Options(precision=precision))
        except InputError as error:
            refusal = str(error)
        assert refuses(runtime, precision) in (None, program is None), refusal
        if program is None:
            assert f"precision '{precision}'" in str(refusal)
            continue
        (found,) = program.run(network_input(crop(64)))
        assert_close([found], [features], BRAIN)
        assert abs(found - features).max() > finest * abs(features).max(), "computed in float32"


@every_runtime
def test_an_unknown_device_is_named(template_program: Callable[..., Program]) -> None:
    with pytest.raises(InputError, match="device 'toaster'"):
        template_program(Options(device="toaster"))


@every_file_runtime
def test_missing_files_are_named(runtime: str, template_files: Callable[[str, Path], Path], tmp_path: Path) -> None:
    for suffix in RUNTIMES[runtime].suffixes:
        template_files(runtime, tmp_path).with_suffix(suffix).unlink()
        with pytest.raises(InputError, match=f"template{suffix}' is missing"):
            open_program(runtime, tmp_path / "template", Options())


@every_file_runtime
def test_a_name_of_another_encoding_is_refused(runtime: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has a name that is no UTF-8"):
        open_program(runtime, tmp_path / os.fsdecode(b"\xff"), Options())


@every_file_runtime
@pytest.mark.parametrize("content", [b"", b"no network", "half"], ids=["empty", "foreign", "torn"])
def test_broken_files_are_named(
    runtime: str, content: bytes | str, template_files: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    for suffix in RUNTIMES[runtime].suffixes:
        file = template_files(runtime, tmp_path).with_suffix(suffix)
        whole = file.read_bytes()
        file.write_bytes(content if isinstance(content, bytes) else whole[: len(whole) // 2])
        with pytest.raises(InputError, match=f"{tmp_path}/template"):
            open_program(runtime, tmp_path / "template", Options())
        file.write_bytes(whole)


def test_openvino_that_quotes_bytes_is_a_sentence(
    template_files: Callable[[str, Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openvino = pytest.importorskip("openvino")
    path = template_files("openvino", tmp_path)

    def refuse(*_: object) -> None:
        b"\xb0".decode()

    monkeypatch.setattr(openvino.Core, "compile_model", refuse)
    with pytest.raises(InputError, match="OpenVINO cannot open it: 'utf-8' codec"):
        open_program("openvino", path, Options())


class Strange(torch.nn.Module):
    """An operator that no other runtime has."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.special.modified_bessel_i0(torch.linalg.svdvals(image))


@pytest.mark.slow
@pytest.mark.parametrize("runtime", [p for p in runtimes(files=True) if p.id != "torch-export"])
def test_a_refused_operator_leaves_no_file(runtime: str, tmp_path: Path) -> None:
    graph = Graph(Strange(), (torch.ones(1, 3, 8, 8),), ("image",), ("values",))
    with pytest.raises(InputError):
        write_graph(runtime, graph, tmp_path / "strange")
    assert list(tmp_path.iterdir()) == []


def test_a_runtime_that_is_not_installed_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_registry.util, "find_spec", lambda name: None)
    for name, extra in (("onnxruntime", "onnx"), ("openvino", "openvino"), ("ncnn", "ncnn")):
        with pytest.raises(InputError, match=rf'pip install "lighttrack-nas\[{extra}\]"'):
            checked_runtime(name)
    with pytest.raises(InputError, match=r"'torch-export' needs torch, not installed here: pip install torch$"):
        checked_runtime("torch-export")


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "ncnn"])
def test_a_runtime_that_cannot_be_imported_is_named(
    runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{runtime}.py").write_text("raise ImportError('no libfoo')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, runtime, raising=False)
    for suffix in RUNTIMES[runtime].suffixes:
        (tmp_path / f"graph{suffix}").touch()
    with pytest.raises(InputError, match=rf"'{runtime}' is installed but cannot be imported \(no libfoo\): "):
        open_program(runtime, tmp_path / "graph", Options())


def test_writing_may_need_more_than_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_registry.util, "find_spec", lambda name: None if name == "onnxscript" else name)
    checked_runtime("onnxruntime")
    with pytest.raises(InputError, match="onnxscript, not installed here"):
        checked_runtime("onnxruntime", writing=True)
    monkeypatch.setattr(runtime_registry.util, "find_spec", lambda name: None if name == "torch" else name)
    checked_runtime("ncnn")
    with pytest.raises(InputError, match="needs torch, not installed here"):
        checked_runtime("ncnn", writing=True)


def test_names_are_checked(network: SiameseNetwork, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'onnxruntime'"):
        checked_runtime("onnxruntme")
    with pytest.raises(InputError, match="runs modules, not files"):
        write_graph("torch", template_graph(network), tmp_path / "template")
    with pytest.raises(InputError, match="unknown precision of the stored weights 'int8'"):
        write_graph("torch-export", template_graph(network), tmp_path / "template", "int8")
    with pytest.raises(InputError, match="unknown precision 'half'"):
        Options(precision="half")
    with pytest.raises(InputError, match="threads: at least 1 expected, got 0"):
        Options(threads=0)


@every_runtime
def test_versions_are_told(runtime: str) -> None:
    assert set(runtime_versions(runtime)) == set(RUNTIMES[runtime].packages)
