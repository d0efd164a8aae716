"""What an exported folder and its ONNX files say of the network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lighttrack_nas.export.export_graphs import Plan
from lighttrack_nas.models.models import Model
from lighttrack_nas.models.shipped_models import model_file
from lighttrack_nas.reporting.environment import versions
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes.exported import TEMPLATE_GRAPH
from lighttrack_nas.trackers.runtimes.runtime_registry import runtime_versions
from lighttrack_nas.trackers.tracking.crops import DEVIATION, MEAN

METADATA_FORMAT = "lighttrack-nas-graph-1"
PREFIX = "lighttrack_nas."
"""Of the metadata's keys in an ONNX file."""
_IN_FILES = (
    "precision",
    "correlation",
    "template_size",
    "search_sizes",
    "stride",
    "input",
    "hyper_parameters",
    "architecture",
    "code",
    "space",
    "versions",
)


def describe(model: Model, plan: Plan, source: str) -> dict[str, Any]:
    """The manifest's content but for the files and the checks.

    Args:
        model: What is exported.
        plan: How.
        source: The model's file or name.
    """
    architecture = model.architecture
    layout = (
        "(1, side, side, 3) uint8, BGR"
        if plan.raw
        else "(1, 3, side, side) float32, RGB, (level / 255 - mean) / deviation"
    )
    try:
        code = architecture.space.encode(architecture)
    except InputError:  # of a space of one's own
        code = None
    opset = {} if plan.opset is None else {"opset": plan.opset}
    return {
        "runtime": plan.runtime,
        "precision": plan.precision,
        **opset,
        "correlation": plan.correlation,
        "template_size": plan.template_size,
        "search_sizes": list(plan.search_sizes),
        "dynamic": plan.dynamic,
        "stride": model.network.stride,
        "input": {"raw": plan.raw, "layout": layout, "mean": MEAN.tolist(), "deviation": DEVIATION.tolist()},
        "graphs": {
            TEMPLATE_GRAPH: {"inputs": ["image"], "outputs": ["features"]},
            **{
                name: {"inputs": ["features", "image"], "outputs": ["logits", "distances"]}
                for name in plan.track_graphs
            },
        },
        "hyper_parameters": plan.hyper_parameters.to_dict(),
        "architecture": json.loads(architecture.to_json()),
        "code": code,
        "space": architecture.space.record(),
        "source": {
            "model": source,
            "sha256": hashlib.sha256(model_file(source).read_bytes()).hexdigest(),
            "provenance": dict(model.provenance),
        },
        "versions": versions() | runtime_versions(plan.runtime),
    }


def graph_metadata(description: Mapping[str, Any], graph: str) -> dict[str, str]:
    """What a file says of its graph when it is met alone: words as they are, anything else as JSON.

    Args:
        description: Of `describe`.
        graph: One of its graphs.
    """
    facts = {"format": METADATA_FORMAT, "graph": graph, **description["graphs"][graph]}
    facts |= {key: description[key] for key in _IN_FILES if description[key] is not None}
    return {
        PREFIX + key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for key, value in facts.items()
    }


def write_metadata(file: Path, facts: Mapping[str, str]) -> None:
    """Add facts to an ONNX file's ``metadata_props``."""
    import onnx

    model = onnx.load(file)
    for key, value in facts.items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, file)
