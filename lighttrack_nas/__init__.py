"""Neural architecture search for visual tracking: LightTrack's space on NNI and Optuna.

Importing this package is cheap: torch, NNI and Optuna are imported by what uses them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lighttrack_nas.architectures import find_architecture
    from lighttrack_nas.benchmarks.cost_table import CostTable
    from lighttrack_nas.benchmarks.costs import Costs, measure_costs
    from lighttrack_nas.benchmarks.evaluation import evaluate
    from lighttrack_nas.benchmarks.latency import Latency, LatencySettings, measure_latency
    from lighttrack_nas.benchmarks.latency_build import build_latency_table
    from lighttrack_nas.benchmarks.latency_table import LatencyTable
    from lighttrack_nas.benchmarks.macs_sampler import MacsSampler
    from lighttrack_nas.benchmarks.place_scores import PlaceScores
    from lighttrack_nas.benchmarks.places_evaluator import PlacesEvaluator
    from lighttrack_nas.benchmarks.score_predictor import ScorePredictor, fit_predictor
    from lighttrack_nas.benchmarks.supernet_evaluator import SupernetEvaluator
    from lighttrack_nas.benchmarks.table import BenchmarkTable, TableEvaluator
    from lighttrack_nas.benchmarks.zero_cost import ZeroCostEvaluator
    from lighttrack_nas.candidate_losses import place_losses
    from lighttrack_nas.comparing import compare
    from lighttrack_nas.comparison_config import ComparisonConfig, load_comparison
    from lighttrack_nas.comparisons import Comparison
    from lighttrack_nas.config import Config
    from lighttrack_nas.config_files import load_config
    from lighttrack_nas.cost_analysis import SpaceCosts, load_cost_table, load_costing, space_costs
    from lighttrack_nas.drawings.architectures import draw_architecture
    from lighttrack_nas.drawings.losses import draw_losses
    from lighttrack_nas.drawings.spaces import draw_space
    from lighttrack_nas.exporting import Export, export_model
    from lighttrack_nas.fronts import Front
    from lighttrack_nas.memory import keep_freed_memory
    from lighttrack_nas.migration import migrate_supernet
    from lighttrack_nas.migration_report import MigrationReport
    from lighttrack_nas.models import (
        Model,
        build_tracker,
        export_weights,
        import_weights,
        load_model,
        load_tracker,
        save_model,
    )
    from lighttrack_nas.place_measuring import measure_places
    from lighttrack_nas.predicted_fronts import predicted_front
    from lighttrack_nas.problems import TabularProblem
    from lighttrack_nas.results import Result
    from lighttrack_nas.samples import random_networks
    from lighttrack_nas.search_spaces.architecture import Architecture
    from lighttrack_nas.search_spaces.distribution import Distribution
    from lighttrack_nas.search_spaces.fitting import fit_architecture
    from lighttrack_nas.search_spaces.loading import load_space
    from lighttrack_nas.search_spaces.neighbours import Neighbour, neighbours
    from lighttrack_nas.search_spaces.nni_space import NniSpace
    from lighttrack_nas.search_spaces.operation_registry import operation
    from lighttrack_nas.search_spaces.presets import preset_names
    from lighttrack_nas.search_spaces.space import Space
    from lighttrack_nas.search_spaces.supernet import Supernet
    from lighttrack_nas.search_spaces.values import Choice, Layer, Stage, Tower
    from lighttrack_nas.searching import search
    from lighttrack_nas.side_by_side import Difference, differences
    from lighttrack_nas.strategies.one_shot.blockwise import Blockwise
    from lighttrack_nas.strategies.one_shot.images import read_image_folder
    from lighttrack_nas.strategies.one_shot.registry import one_shot_strategy
    from lighttrack_nas.strategies.one_shot.settings import TrainingSettings
    from lighttrack_nas.strategies.one_shot.teacher import Teacher
    from lighttrack_nas.strategies.search.evaluator import Evaluator
    from lighttrack_nas.strategies.search.lighttrack import LightTrack
    from lighttrack_nas.strategies.search.local_search import LocalSearch
    from lighttrack_nas.strategies.search.nsga2 import NSGA2
    from lighttrack_nas.strategies.search.nsga3 import NSGA3
    from lighttrack_nas.strategies.search.optuna_algorithm import OptunaAlgorithm
    from lighttrack_nas.strategies.search.random_search import RandomSearch
    from lighttrack_nas.strategies.search.regularized_evolution import RegularizedEvolution
    from lighttrack_nas.strategies.search.screened import Screened
    from lighttrack_nas.strategies.search.tpe import TPE
    from lighttrack_nas.supernets import load_supernet, save_supernet
    from lighttrack_nas.table_building import build_table
    from lighttrack_nas.tables import load_places, load_table, table_names
    from lighttrack_nas.teachers import load_teacher
    from lighttrack_nas.trackers.errors import InputError
    from lighttrack_nas.trackers.generator.pairs import GeneratedPairs
    from lighttrack_nas.trackers.generator.sets import generated_sequences
    from lighttrack_nas.trackers.generator.settings import SceneSettings
    from lighttrack_nas.trackers.hyper_parameters import HyperParameters
    from lighttrack_nas.trackers.losses import LossSettings
    from lighttrack_nas.trackers.pairs.mixture import Mixture
    from lighttrack_nas.trackers.pairs.sequences import SequencePairs
    from lighttrack_nas.trackers.pairs.settings import PairSettings, pair_settings
    from lighttrack_nas.trackers.pairs.stills import StillPairs, read_stills
    from lighttrack_nas.trackers.readers import read_sequences
    from lighttrack_nas.trackers.targets import TargetSettings
    from lighttrack_nas.trackers.tracker import ArrayNetwork, SiameseTracker
    from lighttrack_nas.training import pretrain_backbone, retrain, train_supernet
    from lighttrack_nas.tuning import tune_tracker

__version__ = "0.6.0"

_HOMES = {
    "Architecture": "search_spaces.architecture",
    "ArrayNetwork": "trackers.tracker",
    "BenchmarkTable": "benchmarks.table",
    "Blockwise": "strategies.one_shot.blockwise",
    "Choice": "search_spaces.values",
    "Comparison": "comparisons",
    "ComparisonConfig": "comparison_config",
    "Config": "config",
    "CostTable": "benchmarks.cost_table",
    "Costs": "benchmarks.costs",
    "Difference": "side_by_side",
    "Distribution": "search_spaces.distribution",
    "Evaluator": "strategies.search.evaluator",
    "Export": "exporting",
    "Front": "fronts",
    "GeneratedPairs": "trackers.generator.pairs",
    "HyperParameters": "trackers.hyper_parameters",
    "InputError": "trackers.errors",
    "Latency": "benchmarks.latency",
    "LatencySettings": "benchmarks.latency",
    "LatencyTable": "benchmarks.latency_table",
    "Layer": "search_spaces.values",
    "LightTrack": "strategies.search.lighttrack",
    "LocalSearch": "strategies.search.local_search",
    "LossSettings": "trackers.losses",
    "MacsSampler": "benchmarks.macs_sampler",
    "MigrationReport": "migration_report",
    "Mixture": "trackers.pairs.mixture",
    "Model": "models",
    "NSGA2": "strategies.search.nsga2",
    "NSGA3": "strategies.search.nsga3",
    "NniSpace": "search_spaces.nni_space",
    "Neighbour": "search_spaces.neighbours",
    "OptunaAlgorithm": "strategies.search.optuna_algorithm",
    "PairSettings": "trackers.pairs.settings",
    "PlaceScores": "benchmarks.place_scores",
    "PlacesEvaluator": "benchmarks.places_evaluator",
    "RandomSearch": "strategies.search.random_search",
    "RegularizedEvolution": "strategies.search.regularized_evolution",
    "Result": "results",
    "SceneSettings": "trackers.generator.settings",
    "ScorePredictor": "benchmarks.score_predictor",
    "Screened": "strategies.search.screened",
    "SequencePairs": "trackers.pairs.sequences",
    "SiameseTracker": "trackers.tracker",
    "Space": "search_spaces.space",
    "SpaceCosts": "cost_analysis",
    "Stage": "search_spaces.values",
    "StillPairs": "trackers.pairs.stills",
    "Supernet": "search_spaces.supernet",
    "SupernetEvaluator": "benchmarks.supernet_evaluator",
    "TPE": "strategies.search.tpe",
    "TableEvaluator": "benchmarks.table",
    "TabularProblem": "problems",
    "TargetSettings": "trackers.targets",
    "Teacher": "strategies.one_shot.teacher",
    "Tower": "search_spaces.values",
    "TrainingSettings": "strategies.one_shot.settings",
    "ZeroCostEvaluator": "benchmarks.zero_cost",
    "build_latency_table": "benchmarks.latency_build",
    "build_table": "table_building",
    "build_tracker": "models",
    "compare": "comparing",
    "differences": "side_by_side",
    "draw_architecture": "drawings.architectures",
    "draw_losses": "drawings.losses",
    "draw_space": "drawings.spaces",
    "evaluate": "benchmarks.evaluation",
    "export_model": "exporting",
    "export_weights": "models",
    "find_architecture": "architectures",
    "fit_architecture": "search_spaces.fitting",
    "fit_predictor": "benchmarks.score_predictor",
    "generated_sequences": "trackers.generator.sets",
    "import_weights": "models",
    "keep_freed_memory": "memory",
    "load_comparison": "comparison_config",
    "load_config": "config_files",
    "load_cost_table": "cost_analysis",
    "load_costing": "cost_analysis",
    "load_model": "models",
    "load_places": "tables",
    "load_space": "search_spaces.loading",
    "load_supernet": "supernets",
    "load_table": "tables",
    "load_teacher": "teachers",
    "load_tracker": "models",
    "measure_costs": "benchmarks.costs",
    "measure_latency": "benchmarks.latency",
    "measure_places": "place_measuring",
    "migrate_supernet": "migration",
    "neighbours": "search_spaces.neighbours",
    "one_shot_strategy": "strategies.one_shot.registry",
    "operation": "search_spaces.operation_registry",
    "pair_settings": "trackers.pairs.settings",
    "place_losses": "candidate_losses",
    "predicted_front": "predicted_fronts",
    "preset_names": "search_spaces.presets",
    "pretrain_backbone": "training",
    "random_networks": "samples",
    "read_image_folder": "strategies.one_shot.images",
    "read_sequences": "trackers.readers",
    "read_stills": "trackers.pairs.stills",
    "retrain": "training",
    "save_model": "models",
    "save_supernet": "supernets",
    "search": "searching",
    "space_costs": "cost_analysis",
    "table_names": "tables",
    "train_supernet": "training",
    "tune_tracker": "tuning",
}

__all__ = [
    "NSGA2",
    "NSGA3",
    "TPE",
    "Architecture",
    "ArrayNetwork",
    "BenchmarkTable",
    "Blockwise",
    "Choice",
    "Comparison",
    "ComparisonConfig",
    "Config",
    "CostTable",
    "Costs",
    "Difference",
    "Distribution",
    "Evaluator",
    "Export",
    "Front",
    "GeneratedPairs",
    "HyperParameters",
    "InputError",
    "Latency",
    "LatencySettings",
    "LatencyTable",
    "Layer",
    "LightTrack",
    "LocalSearch",
    "LossSettings",
    "MacsSampler",
    "MigrationReport",
    "Mixture",
    "Model",
    "Neighbour",
    "NniSpace",
    "OptunaAlgorithm",
    "PairSettings",
    "PlaceScores",
    "PlacesEvaluator",
    "RandomSearch",
    "RegularizedEvolution",
    "Result",
    "SceneSettings",
    "ScorePredictor",
    "Screened",
    "SequencePairs",
    "SiameseTracker",
    "Space",
    "SpaceCosts",
    "Stage",
    "StillPairs",
    "Supernet",
    "SupernetEvaluator",
    "TableEvaluator",
    "TabularProblem",
    "TargetSettings",
    "Teacher",
    "Tower",
    "TrainingSettings",
    "ZeroCostEvaluator",
    "build_latency_table",
    "build_table",
    "build_tracker",
    "compare",
    "differences",
    "draw_architecture",
    "draw_losses",
    "draw_space",
    "evaluate",
    "export_model",
    "export_weights",
    "find_architecture",
    "fit_architecture",
    "fit_predictor",
    "generated_sequences",
    "import_weights",
    "keep_freed_memory",
    "load_comparison",
    "load_config",
    "load_cost_table",
    "load_costing",
    "load_model",
    "load_places",
    "load_space",
    "load_supernet",
    "load_table",
    "load_teacher",
    "load_tracker",
    "measure_costs",
    "measure_latency",
    "measure_places",
    "migrate_supernet",
    "neighbours",
    "one_shot_strategy",
    "operation",
    "pair_settings",
    "place_losses",
    "predicted_front",
    "preset_names",
    "pretrain_backbone",
    "random_networks",
    "read_image_folder",
    "read_sequences",
    "read_stills",
    "retrain",
    "save_model",
    "save_supernet",
    "search",
    "space_costs",
    "table_names",
    "train_supernet",
    "tune_tracker",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lighttrack_nas' has no attribute '{name}'")
    return getattr(import_module(f"lighttrack_nas.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
