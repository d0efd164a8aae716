"""Inputs of exported graphs as files, from which other people's converters quantise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import dedent

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError

CALIBRATION_FRAMES = 64
"""Frames that are written unless the caller says otherwise."""

GraphInputs = Iterable[tuple[np.ndarray, ...]]


def check_calibration_folder(folder: Path, export: Path) -> None:
    """Check that calibration data may be written to a folder beside the exported one.

    Args:
        folder: For the data.
        export: The exported folder.

    Raises:
        InputError: It holds something, is no folder, or one of both would lie in the other.
    """
    one, other = folder.resolve(), export.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise InputError(f"calibration data: '{folder}' and the export '{export}' need folders beside each other")
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise InputError(
            f"calibration data: '{folder}' exists, and is left alone: name a folder that is missing or empty"
        )


def check_enough(available: int, wanted: int) -> None:
    """Check that there are as many frames as were asked for.

    Raises:
        InputError: There are fewer.
    """
    if available < wanted:
        raise InputError(
            f"calibration data: {wanted} frames are wanted, the sequences have {available} after their first ones: "
            f"give more sequences, or --calibration-frames {available}"
        )


def write_calibration_data(
    folder: Path, graphs: Mapping[str, tuple[Sequence[str], GraphInputs]], count: int, layout: str
) -> None:
    """Write each graph's inputs: one array for each input, one file for each frame, and a list of these.

    Args:
        folder: It is there, and empty.
        graphs: Graph -> the names of its inputs, and their values, a frame at a time (batch 1).
        count: Frames of each graph; further ones are left.
        layout: Of the image input, in words.
    """
    for name, (inputs, values) in graphs.items():
        _write_graph_inputs(folder / name, inputs, values, count)
    (folder / "README.md").write_text(_readme({name: inputs for name, (inputs, _) in graphs.items()}, count, layout))


def _write_graph_inputs(folder: Path, inputs: Sequence[str], values: GraphInputs, count: int) -> None:
    (folder / "frames").mkdir(parents=True)
    whole: dict[str, np.ndarray] = {}
    lines = []
    for index, arrays in zip(range(count), values, strict=False):
        names = [f"frames/{index:04d}-{name}.npy" for name in inputs]
        for name, file, array in zip(inputs, names, arrays, strict=True):
            np.save(folder / file, array)
            if name not in whole:
                # On disk from the start: a thousand frames are a gigabyte.
                whole[name] = np.lib.format.open_memmap(
                    folder / f"{name}.npy", "w+", array.dtype, (count, *array.shape[1:])
                )
            whole[name][index] = array[0]
        lines.append(" ".join(names) + "\n")
    (folder / "dataset.txt").write_text("".join(lines))


def _readme(graphs: Mapping[str, Sequence[str]], count: int, layout: str) -> str:
    listed = "\n".join(
        f"- `{name}/`: " + ", ".join(f"`{name}/{one}.npy`" for one in inputs) for name, inputs in graphs.items()
    )
    return (
        dedent(
            """\
            # Calibration data

            Inputs of the exported graphs over {count} frames, as the tracker meets them. An `image` is
            {layout}; `features` are what the template graph gives.

            {listed}

            In each folder, `INPUT.npy` has all frames of the input of that name in the graph, frames first, and
            `frames/` has one file of batch 1 for each frame and input. `dataset.txt` names these, a line a frame, the
            inputs in the graph's order.

            - RKNN: `rknn.build(do_quantization=True, dataset="dataset.txt")`, called in the graph's folder. Images are
              as the graph takes them: set no mean and no standard values.
            - TensorRT (Polygraphy) and ONNX Runtime: a reader that gives `{{"INPUT": array[i : i + 1]}}` for each i.
            - Converters that want channels last (Hailo): `array.transpose(0, 2, 3, 1)` of what has them first.
            """
        )
        .replace("{listed}", listed)
        .format(count=count, layout=layout)
    )
