"""ncnn's files, written by pnnx."""

from __future__ import annotations

import subprocess
import tempfile
import warnings
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes.program import Options

if TYPE_CHECKING:
    from lighttrack_nas.trackers.runtimes.graphs import Graph

# Of the maximum, by precision of the weights. A wrong translation is off by .1 and more; what ncnn calls half precision
# rounds the smallest weights, those below 6e-5, to zero.
_LARGEST_DIFFERENCES = {"float32": 0.001, "float16": 0.05}


class NcnnProgram:
    """An ncnn network. Arrays have a batch of 1, which ncnn knows nothing of.

    Args:
        path: Without its suffix.
        options: How to run.

    Raises:
        InputError: The files cannot be read, or the device is not the CPU, or it has no such precision.
    """

    def __init__(self, path: Path, options: Options) -> None:
        import ncnn

        if options.device != "cpu":
            raise InputError(f"device '{options.device}': ncnn runs on the cpu here")
        half = options.precision == "float16"
        if half and not ncnn.cpu_support_arm_asimdhp():
            raise InputError("precision 'float16': ncnn computes in it on ARM processors alone; bfloat16 is everywhere")
        self._ncnn = ncnn
        self._net = ncnn.Net()
        self._net.opt.num_threads = options.threads
        self._net.opt.use_vulkan_compute = False
        self._net.opt.use_fp16_packed = self._net.opt.use_fp16_storage = self._net.opt.use_fp16_arithmetic = half
        self._net.opt.use_bf16_storage = options.precision == "bfloat16"
        file = path.with_suffix(".param")
        if self._net.load_param(str(file)) or self._net.load_model(str(path.with_suffix(".bin"))):
            raise InputError(f"'{file}' or the .bin beside it: ncnn cannot open it")

    def run(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """See `Program.run`."""
        extractor = self._net.create_extractor()
        # ncnn keeps no copy of its inputs, and computes in float alone: pixels are cast here.
        inputs = [np.ascontiguousarray(array[0], np.float32) for array in arrays]
        for name, array in zip(self._net.input_names(), inputs, strict=True):
            extractor.input(name, self._ncnn.Mat(array))
        return tuple(np.array(extractor.extract(name)[1])[None] for name in self._net.output_names())


open_program = NcnnProgram


def write_graph(graph: Graph, path: Path, precision: str) -> None:
    """Write ``path.param`` and ``path.bin``; see `program.write_graph`."""
    import pnnx
    import torch

    inputs = tuple(tensor.float() for tensor in graph.inputs)
    arguments = [f"inputshape={_shapes([tensor.shape for tensor in inputs])}", f"fp16={int(precision == 'float16')}"]
    if graph.free:
        # Axes are free where two examples differ.
        larger = [
            [2 * size if axis in graph.free.get(name, ()) else size for axis, size in enumerate(tensor.shape)]
            for name, tensor in zip(graph.input_names, inputs, strict=True)
        ]
        arguments.append(f"inputshape2={_shapes(larger)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with warnings.catch_warnings():
            # It reads TorchScript alone, which torch calls deprecated.
            warnings.filterwarnings("ignore", "`torch.jit", FutureWarning)
            # Through memory: on a full disk, torch's own file writer ends the process.
            content = BytesIO()
            torch.jit.save(torch.jit.trace(graph.module, inputs), content)
        (folder / "graph.pt").write_bytes(content.getbuffer())
        # The converter writes into the folder it is called in.
        done = subprocess.run([pnnx.EXEC_PATH, "graph.pt", *arguments], cwd=folder, capture_output=True, text=True)
        written = {suffix: folder / f"graph.ncnn{suffix}" for suffix in (".param", ".bin")}
        if done.returncode or not all(file.is_file() for file in written.values()):
            raise InputError(f"ncnn: pnnx cannot convert the network: {(done.stderr or done.stdout).strip()[-200:]}")
        for suffix, file in written.items():
            file.rename(path.with_suffix(suffix))
    _check(graph, path, _LARGEST_DIFFERENCES[precision])


def _shapes(shapes: Iterable[Iterable[int]]) -> str:
    return ",".join("[" + ",".join(str(size) for size in shape) + "]f32" for shape in shapes)


def _check(graph: Graph, path: Path, largest: float) -> None:
    """Compare with the module: pnnx ends well also where an operator stays behind or is translated wrongly."""
    import torch

    answers = NcnnProgram(path, Options()).run(*(tensor.numpy() for tensor in graph.inputs))
    with torch.inference_mode():
        wanted = graph.module(*graph.inputs)
    for mine, tensor in zip(answers, (wanted,) if isinstance(wanted, torch.Tensor) else wanted, strict=True):
        theirs = tensor.numpy()
        same = mine.shape == theirs.shape
        if not same or not abs(mine - theirs).max() <= largest * abs(theirs).max():
            raise InputError(
                "ncnn: pnnx translates the network wrongly, so that ncnn answers otherwise than torch; convolutions "
                "with computed kernels are such a case: correlate as matmul"
            )
