"""OpenVINO's intermediate representation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes.program import Options, first_line

if TYPE_CHECKING:
    from lighttrack_nas.trackers.runtimes.graphs import Graph

# OpenVINO's own default may compute in less than the weights' precision.
_PRECISIONS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}


class OpenVinoProgram:
    """A compiled OpenVINO model.

    Args:
        path: Without its suffix.
        options: How to run.

    Raises:
        InputError: The file cannot be read, or the device is missing or has no such precision.
    """

    def __init__(self, path: Path, options: Options) -> None:
        import openvino

        core = openvino.Core()
        device = options.device.upper()
        if device not in core.available_devices:
            offered = " and ".join(name.lower() for name in core.available_devices)
            raise InputError(f"device '{options.device}': OpenVINO offers {offered} here")
        settings = {
            "INFERENCE_NUM_THREADS": options.threads,
            "INFERENCE_PRECISION_HINT": _PRECISIONS[options.precision],
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        }
        file = path.with_suffix(".xml")
        try:
            compiled = core.compile_model(str(file), device, settings)
        except (RuntimeError, UnicodeDecodeError) as error:  # what it says may quote the file's bytes
            raise InputError(f"'{file}': OpenVINO cannot open it: {first_line(error)}") from None
        taken = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if taken != _PRECISIONS[options.precision]:
            raise InputError(f"precision '{options.precision}': OpenVINO takes {taken} instead on this {device}")
        self._request = compiled.create_infer_request()
        self._outputs = len(compiled.outputs)
        # The request's own tensors, filled anew for every run: giving it others costs .1 ms and more. Where an axis is
        # free there are none before the first run.
        fixed = all(node.partial_shape.is_static for node in compiled.inputs)
        self._inputs = [
            self._request.get_input_tensor(place).data for place in range(len(compiled.inputs) if fixed else 0)
        ]

    def run(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """See `Program.run`."""
        if not self._inputs:
            return tuple(self._request.infer(list(arrays), share_inputs=True).to_tuple())
        for tensor, array in zip(self._inputs, arrays, strict=True):
            if array.shape != tensor.shape:
                raise ValueError(f"an input of shape {tensor.shape} expected, got {array.shape}")
            np.copyto(tensor, array, casting="no")
        self._request.start_async()
        self._request.wait()
        return tuple(self._request.get_output_tensor(place).data.copy() for place in range(self._outputs))


open_program = OpenVinoProgram


def write_graph(graph: Graph, path: Path, precision: str) -> None:
    """Write ``path.xml`` and ``path.bin``; see `program.write_graph`."""
    _save(_model(graph), path, half=precision == "float16")


def quantise_graph(graph: Graph, path: Path, int8_examples: Sequence[tuple[np.ndarray, ...]]) -> None:
    """Write ``path.xml`` and ``path.bin`` in int8; see `program.quantise_graph`.

    Kept in float: the correlation and the predictions, whose error is the box's; channel gates, as NNCF does by itself.
    """
    import nncf
    import openvino

    # What stays in float is stored in half precision, which must be done first: of a quantised model, OpenVINO's
    # writer changes no other weights.
    half = path.with_name(f"{path.name}-half")
    _save(_model(graph), half, half=True)
    model = openvino.Core().read_model(half.with_suffix(".xml"))
    nncf.set_log_level(logging.ERROR)
    with redirect_stdout(StringIO()):  # its progress bars
        quantised = nncf.quantize(
            model,
            nncf.Dataset([list(arrays) for arrays in int8_examples]),
            subset_size=len(int8_examples),
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=[*_correlations(model), *_predictions(model)]),
            # Weights of seven bits: processors without VNNI add products of eight bits in sixteen, which overflow.
            advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
        )
    _save(quantised, path, half=False)


def _correlations(model: Any) -> list[str]:
    """What multiplies two computed tensors, be it as matrices or as a convolution."""
    products = [node for node in model.get_ops() if node.get_type_name() in ("MatMul", "Convolution")]
    return [node.get_friendly_name() for node in products if not _weights(node)]


def _weights(node: Any) -> bool:
    source = node.input_value(1).get_node()
    while source.get_type_name() in ("Convert", "Multiply", "Reshape"):
        source = source.input_value(0).get_node()
    return bool(source.get_type_name() == "Constant")


def _predictions(model: Any) -> list[str]:
    """The last convolution before each output."""
    names = []
    for result in model.get_results():
        node = result
        while node.get_type_name() != "Convolution" and node.inputs():
            node = node.input_value(0).get_node()
        names.append(node.get_friendly_name())
    return names


def _save(model: Any, path: Path, half: bool) -> None:
    import openvino

    try:
        openvino.save_model(model, str(path.with_suffix(".xml")), compress_to_fp16=half)
    except RuntimeError as error:
        raise InputError(f"'{path.with_suffix('.xml')}' cannot be written: {first_line(error)}") from None


def _model(graph: Graph) -> Any:
    import openvino

    from lighttrack_nas.trackers.runtimes.graphs import exported

    shapes = [
        tuple(-1 if axis in graph.free.get(name, ()) else size for axis, size in enumerate(tensor.shape))
        for name, tensor in zip(graph.input_names, graph.inputs, strict=True)
    ]
    try:
        model = openvino.convert_model(exported(graph), input=shapes)
    except Exception as error:  # its errors have no common type of their own
        reasons = [line for line in str(error).splitlines() if "No conversion rule" in line]
        reason = reasons[0].lstrip("- ") if reasons else first_line(error)
        raise InputError(f"OpenVINO has no counterpart of the network: {reason}") from None
    for output, name in zip(model.outputs, graph.output_names, strict=True):
        output.get_tensor().set_names({name})
    return model
