"""Neural architecture search for visual tracking: LightTrack's space on NNI and Optuna.

Importing this package is cheap: torch, NNI and Optuna are imported by what uses them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lighttrack_nas.architectures import find_architecture
    from lighttrack_nas.benchmarks.costs import Costs, measure_costs
    from lighttrack_nas.benchmarks.evaluation import evaluate
    from lighttrack_nas.memory import keep_freed_memory
    from lighttrack_nas.models import (
        Model,
        build_tracker,
        export_weights,
        import_weights,
        load_model,
        load_tracker,
        save_model,
    )
    from lighttrack_nas.search_spaces.architecture import Architecture
    from lighttrack_nas.search_spaces.loading import load_space, preset_names
    from lighttrack_nas.search_spaces.space import Space
    from lighttrack_nas.trackers.errors import InputError
    from lighttrack_nas.trackers.hyper_parameters import HyperParameters
    from lighttrack_nas.trackers.readers import read_sequences
    from lighttrack_nas.trackers.tracker import ArrayNetwork, SiameseTracker

__version__ = "0.1.0"

_HOMES = {
    "Architecture": "search_spaces.architecture",
    "ArrayNetwork": "trackers.tracker",
    "Costs": "benchmarks.costs",
    "HyperParameters": "trackers.hyper_parameters",
    "InputError": "trackers.errors",
    "Model": "models",
    "SiameseTracker": "trackers.tracker",
    "Space": "search_spaces.space",
    "build_tracker": "models",
    "evaluate": "benchmarks.evaluation",
    "export_weights": "models",
    "find_architecture": "architectures",
    "import_weights": "models",
    "keep_freed_memory": "memory",
    "load_model": "models",
    "load_space": "search_spaces.loading",
    "load_tracker": "models",
    "measure_costs": "benchmarks.costs",
    "preset_names": "search_spaces.loading",
    "read_sequences": "trackers.readers",
    "save_model": "models",
}

__all__ = [
    "Architecture",
    "ArrayNetwork",
    "Costs",
    "HyperParameters",
    "InputError",
    "Model",
    "SiameseTracker",
    "Space",
    "build_tracker",
    "evaluate",
    "export_weights",
    "find_architecture",
    "import_weights",
    "keep_freed_memory",
    "load_model",
    "load_space",
    "load_tracker",
    "measure_costs",
    "preset_names",
    "read_sequences",
    "save_model",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lighttrack_nas' has no attribute '{name}'")
    return getattr(import_module(f"lighttrack_nas.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
