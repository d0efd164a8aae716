"""ONNX files, run by OpenCV's ``cv2.dnn``: nothing to install beside what reads the frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes.onnx_files import onnx_writing
from lighttrack_nas.trackers.runtimes.program import Options, first_line

_ERF = b'"\x03Erf'
"""A node's operator as an ONNX file holds it."""


class OpenCvProgram:
    """A network of ``cv2.dnn``.

    Args:
        path: Without its suffix.
        options: How to run; OpenCV's threads are set for the time of each run.

    Raises:
        InputError: The file cannot be read, or the device is not the CPU, or the precision is not float32.
    """

    def __init__(self, path: Path, options: Options) -> None:
        if options.device != "cpu":
            raise InputError(f"device '{options.device}': OpenCV runs on the cpu here")
        if options.precision != "float32":
            raise InputError(f"precision '{options.precision}': OpenCV computes in float32 here")
        file = path.with_suffix(".onnx")
        content = file.read_bytes()
        if _ERF in content:
            # OpenCV 5.0.0 takes Div, Erf, Add, Mul, Mul for GELU, and ends the process while it reads them.
            raise InputError(
                f"'{file}': OpenCV cannot open it: it has no Erf, as which GELU is written before opset 20; export "
                "with 20 or more"
            )
        try:
            with _silence():
                # The classic engine is slower, knows no free axes, and is wrong where it fails.
                self._net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8), cv2.dnn.ENGINE_NEW)
        except cv2.error as error:
            raise InputError(f"'{file}': OpenCV cannot open it: {_reason(error)}") from None
        self._inputs = _input_names(self._net)
        self._outputs = self._net.getUnconnectedOutLayersNames()
        self._file, self._threads = file, options.threads

    def run(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """See `Program.run`."""
        try:
            with _silence(), _threads(self._threads):
                for name, array in zip(self._inputs, arrays, strict=True):
                    self._net.setInput(np.ascontiguousarray(array), name)
                return tuple(self._net.forward(self._outputs))
        except cv2.error as error:
            raise InputError(f"'{self._file}': OpenCV cannot run it: {_reason(error)}") from None


open_program = OpenCvProgram
write_graph = onnx_writing.write_graph


def _input_names(net: cv2.dnn.Net) -> list[str]:
    """The inputs in the graph's order, which OpenCV tells in its description alone."""
    inputs = net.dump().partition("inputs:")[2].partition("outputs:")[0]
    return re.findall(r'"([^"]+)"', inputs)


def _reason(error: cv2.error) -> str:
    return first_line(error).partition("error: ")[2] or first_line(error)


@contextmanager
def _silence() -> Iterator[None]:
    # What it writes to the screen is in its error too.
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = cv2.getNumThreads()
    if before == number:
        yield
        return
    cv2.setNumThreads(number)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
