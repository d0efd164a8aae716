"""Result files in the GOT-10k layout, readable by other toolkits, and the record of what was run.

``DIR/SEQ/SEQ_001.txt`` holds ``x,y,w,h`` a line, ``DIR/SEQ/SEQ_time.txt`` seconds a line, both one line a frame, the
first being the box given and the seconds of `init`. Where frames change their size on the way, their ``width,height``
stand in ``DIR/SEQ/SEQ_sizes.txt``, a line a frame. ``DIR/SEQ/SEQ_presence.txt`` holds ``score,presence,lost`` a line:
how sure the tracker is, the probability that it states (``nan`` where it states none), and 1 where it calls the target
lost. ``DIR/run.json`` says what was run.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.parsing import parse_json, parse_number, read_text
from lighttrack_nas.trackers.data.sequence import Sequence as Video

RECORD_NAME = "run.json"


def boxes_path(output: Path, name: str) -> Path:
    """The file of a sequence's boxes.

    Raises:
        InputError: The sequence's name cannot name a folder.
    """
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise InputError(f"sequence '{name}': results go to a folder of that name, so it must be a plain file name")
    return output / name / f"{name}_001.txt"


def times_path(output: Path, name: str) -> Path:
    """The file of a sequence's seconds a frame."""
    return boxes_path(output, name).with_name(f"{name}_time.txt")


def write_sizes(output: Path, name: str, sizes: np.ndarray) -> None:
    """Keep the sizes of a sequence's frames, if they change on the way; nothing is written for frames of one size.

    Args:
        output: The run's folder.
        name: The sequence's name.
        sizes: ``(frames, 2)`` width and height, pixels.
    """
    path = boxes_path(output, name).with_name(f"{name}_sizes.txt")
    if (sizes != sizes[0]).any():
        write_atomically(path, _lines(f"{width},{height}" for width, height in sizes))
    else:
        path.unlink(missing_ok=True)


def read_sizes(output: Path, sequence: Video) -> np.ndarray:
    """Read what `write_sizes` wrote; where it wrote nothing, the first frame's size is every frame's.

    Returns:
        ``(frames, 2)`` width and height, pixels.

    Raises:
        InputError: The file is damaged, or the first image cannot be read.
    """
    path = boxes_path(output, sequence.name).with_name(f"{sequence.name}_sizes.txt")
    if not path.is_file():
        height, width = sequence.frame(0).shape[:2]
        return np.full((len(sequence), 2), (width, height))
    sizes = _read_numbers(path, 2, "two numbers width,height")
    if len(sizes) != len(sequence):
        raise InputError(f"'{path}' holds {len(sizes)} lines for {len(sequence)} frames: delete the folder to run anew")
    return sizes


def write_presence(output: Path, name: str, said: np.ndarray) -> None:
    """Keep what a tracker said of its target's presence.

    Args:
        output: The run's folder.
        name: The sequence's name.
        said: ``(frames, 3)`` score, presence and whether it is lost, 0 or 1; NaN where nothing was said.
    """
    path = boxes_path(output, name).with_name(f"{name}_presence.txt")
    write_atomically(path, _lines(f"{score:.6g},{presence:.6g},{lost:.0f}" for score, presence, lost in said))


def read_presence(output: Path, name: str, frames: int) -> np.ndarray | None:
    """Read what `write_presence` wrote.

    Returns:
        ``(frames, 3)``; None where there is no such file, as in results of earlier versions, or it is damaged.
    """
    path = boxes_path(output, name).with_name(f"{name}_presence.txt")
    try:
        said = _read_numbers(path, 3, "three numbers score,presence,lost")
    except InputError:
        return None
    return said if len(said) == frames else None


def write_result(output: Path, name: str, boxes: np.ndarray, times: np.ndarray) -> None:
    """Write the boxes and times of one sequence, each file whole or not at all.

    Args:
        output: The run's folder.
        name: The sequence's name.
        boxes: ``(frames, 4)`` x, y, w, h, pixels; written with 4 decimals.
        times: ``(frames,)`` seconds; written with 8 decimals.

    Raises:
        InputError: The name cannot name a folder.
        OSError: The folder cannot be written.
    """
    write_atomically(times_path(output, name), _lines(f"{seconds:.8f}" for seconds in times))
    # The boxes come last: where they are, the times are.
    write_atomically(boxes_path(output, name), _lines(",".join(f"{v:.4f}" for v in box) for box in boxes))


def read_result(output: Path, name: str, frames: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Read what `write_result` wrote.

    Args:
        output: The run's folder.
        name: The sequence's name.
        frames: How many frames the sequence has.

    Returns:
        Boxes ``(frames, 4)`` and times ``(frames,)``, or None if either file is missing, has another number of lines,
        or is damaged: no text, or not boxes and times.

    Raises:
        InputError: The name cannot name a folder.
    """
    files = boxes_path(output, name), times_path(output, name)
    if not all(file.is_file() for file in files):
        return None
    try:
        boxes, times = read_boxes(files[0]), read_times(files[1])
    except InputError:
        return None
    return (boxes, times) if len(boxes) == len(times) == frames else None


def read_boxes(path: Path) -> np.ndarray:
    """Read a file of boxes, ``x,y,w,h`` a line.

    Returns:
        ``(lines, 4)`` float64; ``nan`` is allowed.

    Raises:
        InputError: The file is missing or a line is not four numbers; the message names file and line.
    """
    return _read_numbers(path, 4, "four numbers x,y,w,h")


def read_times(path: Path) -> np.ndarray:
    """Read a file of times, seconds a line.

    Returns:
        ``(lines,)`` float64; ``nan`` is allowed.

    Raises:
        InputError: The file is missing or a line is not one number; the message names file and line.
    """
    return _read_numbers(path, 1, "one number, seconds")[:, 0]


def write_flat_results(output: Path, folder: Path, names: Iterable[str]) -> None:
    """Write the boxes that a run holds once more, a file ``SEQUENCE.txt`` each, as TrackingNet's server takes them.

    Args:
        output: The run's folder.
        folder: Where the files go; made if missing.
        names: The sequences.
    """
    for name in names:
        write_atomically(folder / f"{name}.txt", read_text(boxes_path(output, name), "result file"))


def write_run_record(output: Path, record: Mapping[str, Any]) -> None:
    """Say in ``run.json`` what is run in this folder, or check that the same was run before.

    Args:
        output: The run's folder; made if missing.
        record: What decides the results and where they come from: tracker, hyper-parameters, versions, device, data.

    Raises:
        InputError: The folder holds results of another record (the message names what differs), or results without a
            record.
        TypeError: The record holds what JSON cannot say.
    """
    new = jsonable(record)
    if (output / RECORD_NAME).is_file():
        difference = _first_difference(read_run_record(output), new)
        if difference:
            raise InputError(
                f"'{output}' holds results of another run: {difference}; give another output folder, or delete this one"
            )
        return
    kept = next(_result_files(output), None)
    if kept is not None:
        raise InputError(
            f"'{output}' holds a result file, '{kept}', but no {RECORD_NAME} that says what was run; "
            "give another output folder, or delete this one"
        )
    write_atomically(output / RECORD_NAME, to_json(new))


def read_run_record(output: Path) -> dict[str, Any]:
    """Read ``run.json``.

    Raises:
        InputError: It is missing, or is not a JSON object.
    """
    path = output / RECORD_NAME
    content = parse_json(read_text(path, "run record"), str(path))
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def jsonable(value: Any) -> Any:
    """Turn a value into what JSON can say: NaN and infinities become None, paths their text.

    Raises:
        TypeError: It is, or holds, something else than mappings, lists, tuples, sets, arrays, text, numbers, paths and
            None.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return str(value)
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"JSON cannot hold a {type(value).__name__}, got {value!r}")


def to_json(content: Any) -> str:
    """Write JSON for people and strict parsers: indented, NaN as null, a newline at the end."""
    return json.dumps(jsonable(content), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def sequence_table(sequences: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """One row a sequence, named by it, one column a figure."""
    return pd.DataFrame.from_dict(dict(sequences), orient="index").rename_axis("sequence")


def write_summary(output: Path | str, summary: str, table: pd.DataFrame) -> None:
    """Write ``summary.json`` (its text is given) and ``summary.csv`` to a folder, made if missing."""
    write_atomically(Path(output) / "summary.json", summary)
    write_atomically(Path(output) / "summary.csv", table.to_csv())


def _result_files(output: Path) -> Iterator[Path]:
    return (path for path in output.glob("*/*_001.txt") if path.name == f"{path.parent.name}_001.txt")


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _read_numbers(path: Path, width: int, expected: str) -> np.ndarray:
    rows = []
    for number, line in enumerate(read_text(path, "result file").splitlines(), start=1):
        try:
            row = [parse_number(cell) for cell in line.split(",")]
        except ValueError:
            row = []
        if len(row) != width:
            raise InputError(f"{path}, line {number}: expected {expected}, got '{line}'")
        rows.append(row)
    return np.array(rows, float).reshape(-1, width)


def _first_difference(old: Any, new: Any, where: str = "") -> str:
    """Say at which key two records differ first, and how; "" where they are the same."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            difference = _first_difference(old.get(key), new.get(key), f"{where}.{key}".lstrip("."))
            if difference:
                return difference
        return ""
    return "" if old == new else f"{where} was {json.dumps(old)} and is now {json.dumps(new)}"
