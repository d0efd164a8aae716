"""Graphs as ONNX, for every runtime and converter that reads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes.program import first_line

if TYPE_CHECKING:
    from lighttrack_nas.trackers.runtimes.graphs import Graph

_OLDEST_OF_TORCH = 18
"""The oldest operator set that torch's exporter writes; older ones are converted."""


def write_graph(graph: Graph, path: Path, precision: str) -> None:
    """Write ``path.onnx``; see `program.write_graph`.

    Half weights are cast back in the graph, once, when it is opened: on a CPU, ONNX Runtime has no half kernels to
    speak of.
    """
    import onnx

    model = onnx_model(graph)
    if precision == "float16":
        store_in_half(model.graph)
    onnx.save(model, path.with_suffix(".onnx"))


def onnx_model(graph: Graph) -> Any:
    """A graph as an ONNX model, in the operator set that it asks for.

    Raises:
        InputError: ONNX has no counterpart of the network, or not in that operator set.
    """
    import torch

    from lighttrack_nas.trackers.runtimes.graphs import exported

    opset = graph.opset
    if opset is not None:
        _check_opset(opset)
    try:
        program = torch.onnx.export(
            exported(graph),
            dynamo=True,
            verbose=False,
            input_names=list(graph.input_names),
            output_names=list(graph.output_names),
            opset_version=None if opset is None else max(opset, _OLDEST_OF_TORCH),
            custom_translation_table={torch.ops.aten.hardsigmoid.default: _hard_sigmoid},
        )
    except torch.onnx.OnnxExporterError as error:
        raise InputError(f"ONNX has no counterpart of the network: {first_line(error)}") from None
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:
        _drop_stack_trace(node)
    return model if opset is None else _in_opset(model, opset)


def store_in_half(graph: Any) -> None:
    """Store the kernels of an ONNX graph in half precision, with casts back."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in graph.initializer:
        # Biases and factors weigh nothing.
        if weight.data_type != TensorProto.FLOAT or len(weight.dims) != 4:
            continue
        name = weight.name
        half = numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), f"{name}.half")
        weight.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)


def _hard_sigmoid(gate: Any) -> Any:
    # OpenCV 5.0 takes an activation times HardSigmoid for HardSwish, and loses the map's shape; spelt out, every
    # runtime gives the same.
    from onnxscript import opset18 as op

    def scalar(value: float) -> Any:
        return op.Constant(value_float=value)

    return op.Clip(op.Add(op.Mul(gate, scalar(1 / 6)), scalar(0.5)), scalar(0.0), scalar(1.0))


def _check_opset(opset: int) -> None:
    import onnx

    newest = onnx.defs.onnx_opset_version()
    if not 1 <= opset <= newest:
        raise InputError(f"opset {opset}: the installed onnx knows operator sets 1 to {newest}")


def _in_opset(model: Any, opset: int) -> Any:
    """The model in an older operator set, with the file version of that time: old readers refuse newer ones."""
    import onnx

    if _opset_of(model) != opset:
        for node in model.graph.node:
            _drop_late_defaults(node)
        try:
            model = onnx.version_converter.convert_version(model, opset)
            onnx.checker.check_model(model)
        except Exception as error:  # its errors have no common type of their own
            raise InputError(
                f"opset {opset}: the network cannot be written in it ({first_line(error)}); take a newer one, 15 or "
                "more as a rule"
            ) from None
    if _opset_of(model) != opset:
        raise InputError(
            f"opset {opset}: the exporter writes {_opset_of(model)} instead; take that one or an older one"
        )
    model.ir_version = onnx.helper.find_min_ir_version_for(model.opset_import)
    return model


def _opset_of(model: Any) -> int:
    return int(next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")))


def _drop_stack_trace(node: Any) -> None:
    # It names files of whoever exports, so that two installations would write different graphs.
    for entry in [entry for entry in node.metadata_props if entry.key.endswith("stack_trace")]:
        node.metadata_props.remove(entry)


def _drop_late_defaults(node: Any) -> None:
    # An attribute that says what holds anyway, and that older operator sets have no name for.
    for attribute in [
        attribute for attribute in node.attribute if attribute.name in ("noop_with_empty_axes", "allowzero")
    ]:
        if attribute.i == 0:
            node.attribute.remove(attribute)
