"""ONNX files, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes.onnx_files import onnx_writing
from lighttrack_nas.trackers.runtimes.program import Options, first_line

if TYPE_CHECKING:
    from lighttrack_nas.trackers.runtimes.graphs import Graph

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxProgram:
    """An ONNX Runtime session.

    Args:
        path: Without its suffix.
        options: How to run; ONNX Runtime computes in the precision that the file says.

    Raises:
        InputError: The file cannot be read, or the device is missing.
    """

    def __init__(self, path: Path, options: Options) -> None:
        import onnxruntime

        available = [name for name, long in _PROVIDERS.items() if long in onnxruntime.get_available_providers()]
        if options.device not in available:
            raise InputError(f"device '{options.device}': ONNX Runtime offers {' and '.join(available)} here")
        if options.precision != "float32":
            raise InputError(
                f"precision '{options.precision}': ONNX Runtime computes in float32 here, but for what an int8 file "
                "has in int8"
            )
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        # Planning memory ahead took 11 MB more, and no less time.
        settings.enable_mem_pattern = False
        file = path.with_suffix(".onnx")
        try:
            self._session = onnxruntime.InferenceSession(str(file), settings, providers=[_PROVIDERS[options.device]])
        except Exception as error:  # its errors have no common type of their own
            raise InputError(f"'{file}': ONNX Runtime cannot open it: {first_line(error)}") from None
        if _PROVIDERS[options.device] not in self._session.get_providers():
            raise InputError(f"device '{options.device}': ONNX Runtime cannot use it here and would take the cpu")
        self._names = [node.name for node in self._session.get_inputs()]

    def run(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """See `Program.run`."""
        return tuple(self._session.run(None, dict(zip(self._names, arrays, strict=True))))


open_program = OnnxProgram
write_graph = onnx_writing.write_graph


def quantise_graph(graph: Graph, path: Path, int8_examples: Sequence[tuple[np.ndarray, ...]]) -> None:
    """Write ``path.onnx`` in int8; see `program.quantise_graph`.

    What reads the template's features goes to int8, but for the correlation and the predictions: the towers. The
    backbone keeps its precision, with half weights: ONNX Runtime's float kernels there are faster than its int8 ones.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    model = onnx_writing.onnx_model(graph)
    chosen = _towers(model.graph)
    if chosen:
        # The exporter has inferred the shapes and folded the constants already.
        add_pre_process_metadata(model)
        file = path.with_suffix(".onnx")
        quantization.quantize_static(
            model,
            file,
            _Int8Examples(graph.input_names, int8_examples),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            # Weights of seven bits: processors without VNNI add products of eight bits in sixteen, which overflow.
            reduce_range=True,
            op_types_to_quantize=["Conv"],
            nodes_to_quantize=chosen,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
        model = onnx.load(file)
    onnx_writing.store_in_half(model.graph)
    onnx.save(model, path.with_suffix(".onnx"))


class _Int8Examples:
    """Examples one after another, as ONNX Runtime's calibration asks for them."""

    def __init__(self, names: Sequence[str], examples: Sequence[tuple[np.ndarray, ...]]) -> None:
        self._feeds = iter([dict(zip(names, arrays, strict=True)) for arrays in examples])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def _towers(graph: Any) -> list[str]:
    """Names of the convolutions behind the template's features, but for the last one before each output."""
    weights = {weight.name for weight in graph.initializer}
    reached, chosen = {"features"}, []
    for node in graph.node:
        if reached.isdisjoint(node.input):
            continue
        reached.update(node.output)
        if node.op_type == "Conv" and node.input[1] in weights:
            chosen.append(node)
    maker = {name: node for node in graph.node for name in node.output}
    for output in graph.output:
        node = maker[output.name]
        while node.op_type != "Conv" and node.input[0] in maker:
            node = maker[node.input[0]]
        chosen = [other for other in chosen if other.name != node.name]
    return [node.name for node in chosen]
