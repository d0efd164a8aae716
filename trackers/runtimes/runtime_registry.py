"""The runtimes by name: a further one is a module beside this one and a line in the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module, metadata, util
from typing import Any, NamedTuple

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name


class Runtime(NamedTuple):
    """A runtime by name.

    Attributes:
        module: Of this package, with its folder: it has `open_program`, `write_graph` and, if it can, `quantise_graph`
            for files, and `make_program` for modules.
        packages: What must be installed to run.
        writing: What must be installed besides to write files.
        quantising: What must be installed besides to write int8 files; none where there is no such way.
        extra: Of this project, which brings the packages to run and to write.
        suffixes: Of the files of one graph; none where programs are made from modules.
    """

    module: str
    packages: tuple[str, ...]
    writing: tuple[str, ...] = ()
    quantising: tuple[str, ...] = ()
    extra: str = ""
    suffixes: tuple[str, ...] = ()


RUNTIMES: Mapping[str, Runtime] = {
    "torch": Runtime("torch_eager", ("torch",)),
    "torch-compiled": Runtime("torch_compiled", ("torch",)),
    "torch-export": Runtime("torch_export", ("torch",), suffixes=(".pt2",)),
    "onnxruntime": Runtime(
        "onnx_files.onnx_runtime",
        ("onnxruntime",),
        writing=("onnx", "onnxscript"),
        quantising=("onnx",),
        extra="onnx",
        suffixes=(".onnx",),
    ),
    "opencv": Runtime(
        "onnx_files.opencv_runtime", ("cv2",), writing=("onnx", "onnxscript"), extra="onnx", suffixes=(".onnx",)
    ),
    "openvino": Runtime(
        "openvino_runtime", ("openvino",), quantising=("nncf",), extra="openvino", suffixes=(".xml", ".bin")
    ),
    "ncnn": Runtime("ncnn_runtime", ("ncnn",), writing=("pnnx",), extra="ncnn", suffixes=(".param", ".bin")),
}
"""Every runtime that this package knows, installed or not."""


def checked_runtime(name: str, writing: bool = False) -> Runtime:
    """The runtime of a name.

    Args:
        name: One of `RUNTIMES`.
        writing: Whether files are to be written too, for which all need torch.

    Raises:
        InputError: An unknown name, or a package that is not installed; it says what brings it.
    """
    checked_name(name, RUNTIMES, "runtime")
    runtime = RUNTIMES[name]
    needed = dict.fromkeys((*runtime.packages, *(("torch", *runtime.writing) if writing else ())))
    check_installed(f"runtime '{name}'", needed, runtime.extra)
    return runtime


def runtime_versions(name: str) -> dict[str, str]:
    """Versions of the packages that run a program, by package; the runtime must be installed."""
    return {package: _version(package) for package in checked_runtime(name).packages}


def with_the_same_files(name: str) -> list[str]:
    """Other runtimes that run what a runtime's files are, installed or not."""
    suffixes = RUNTIMES[name].suffixes
    return [other for other, runtime in RUNTIMES.items() if suffixes and other != name and runtime.suffixes == suffixes]


def check_installed(what: str, packages: Iterable[str], extra: str) -> None:
    """Check that packages are installed.

    Args:
        what: Needs them, for the message.
        packages: By the names under which they are imported.
        extra: Of this project, which brings them; "" where none does.

    Raises:
        InputError: One is missing; it says what brings it.
    """
    missing = [package for package in packages if util.find_spec(package) is None]
    if missing:
        install = f'"lighttrack-nas[{extra}]"' if extra else " ".join(missing)
        raise InputError(f"{what} needs {' and '.join(missing)}, not installed here: pip install {install}")


def runtime_module(runtime: Runtime) -> Any:
    """Import the module that does a runtime's work."""
    return import_module(f"lighttrack_nas.trackers.runtimes.{runtime.module}")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        # OpenCV's distribution has several names.
        return str(import_module(package).__version__)
