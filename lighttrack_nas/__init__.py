"""Neural architecture search for visual tracking: LightTrack's space on NNI and Optuna.

Importing this package is cheap: torch, NNI and Optuna are imported by what uses them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs.cost_table import CostTable
    from lighttrack_nas.benchmarks.costs.macs_sampler import MacsSampler
    from lighttrack_nas.benchmarks.costs.network_costs import Costs, measure_costs
    from lighttrack_nas.benchmarks.evaluation.one_pass import evaluate
    from lighttrack_nas.benchmarks.latency.latency_build import build_latency_table
    from lighttrack_nas.benchmarks.latency.latency_measuring import Latency, LatencySettings, measure_latency
    from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable
    from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
    from lighttrack_nas.benchmarks.scoring.places_evaluator import PlacesEvaluator
    from lighttrack_nas.benchmarks.scoring.score_predictor import ScorePredictor, fit_predictor
    from lighttrack_nas.benchmarks.scoring.supernet_evaluator import SupernetEvaluator
    from lighttrack_nas.benchmarks.scoring.tabular_benchmark import BenchmarkTable, TableEvaluator
    from lighttrack_nas.benchmarks.scoring.zero_cost import ZeroCostEvaluator
    from lighttrack_nas.chain.searching import search
    from lighttrack_nas.chain.training import pretrain_backbone, retrain, train_supernet
    from lighttrack_nas.chain.tuning import tune_tracker
    from lighttrack_nas.comparisons.benchmark_table_building import build_table
    from lighttrack_nas.comparisons.comparing import compare
    from lighttrack_nas.comparisons.comparisons import Comparison
    from lighttrack_nas.comparisons.problems import TabularProblem
    from lighttrack_nas.config.comparison_config import ComparisonConfig, load_comparison
    from lighttrack_nas.config.config import Config
    from lighttrack_nas.config.config_files import load_config
    from lighttrack_nas.costing.cost_analysis import SpaceCosts, load_cost_table, load_costing, space_costs
    from lighttrack_nas.costing.cost_files import save_costs
    from lighttrack_nas.costing.cost_plots import draw_costs
    from lighttrack_nas.costing.samples import random_networks
    from lighttrack_nas.drawings.architecture_drawing import draw_architecture
    from lighttrack_nas.drawings.differences import Difference, differences
    from lighttrack_nas.drawings.loss_drawing import draw_losses
    from lighttrack_nas.drawings.space_drawing import draw_space
    from lighttrack_nas.export.exporting import Export, export_model
    from lighttrack_nas.models.architecture_files import find_architecture
    from lighttrack_nas.models.migration import migrate_supernet
    from lighttrack_nas.models.migration_report import MigrationReport
    from lighttrack_nas.models.models import (
        Model,
        build_tracker,
        export_weights,
        import_weights,
        load_model,
        load_tracker,
        save_model,
    )
    from lighttrack_nas.models.supernets import load_supernet, save_supernet
    from lighttrack_nas.models.teachers import load_teacher
    from lighttrack_nas.place_tables.place_measuring import measure_places
    from lighttrack_nas.place_tables.predicted_fronts import predicted_front
    from lighttrack_nas.places.candidate_losses import place_losses
    from lighttrack_nas.results.front_files import save_front, save_front_plot
    from lighttrack_nas.results.front_plots import draw_front
    from lighttrack_nas.results.fronts import Front
    from lighttrack_nas.results.results import Result
    from lighttrack_nas.search_spaces.building.builder import build_network
    from lighttrack_nas.search_spaces.building.model_space import build_model_space
    from lighttrack_nas.search_spaces.building.supernet import Supernet
    from lighttrack_nas.search_spaces.declared_space import DeclaredSpace
    from lighttrack_nas.search_spaces.distribution import Distribution
    from lighttrack_nas.search_spaces.loading.fitting import fit_architecture
    from lighttrack_nas.search_spaces.loading.loading import load_space
    from lighttrack_nas.search_spaces.loading.texts import space_python, space_yaml
    from lighttrack_nas.search_spaces.loading.values import Choice, Layer, Stage, Tower, define_space
    from lighttrack_nas.search_spaces.neighbours import Neighbour, neighbours
    from lighttrack_nas.search_spaces.nni_spaces.nni_space import NniSpace
    from lighttrack_nas.search_spaces.operations.operation_registry import operation
    from lighttrack_nas.search_spaces.presets import preset_names
    from lighttrack_nas.search_spaces.space import Architecture, Space
    from lighttrack_nas.strategies.one_shot.strategies.blockwise import Blockwise
    from lighttrack_nas.strategies.one_shot.strategies.one_shot_registry import one_shot_strategy
    from lighttrack_nas.strategies.one_shot.strategies.paths import PathSampling
    from lighttrack_nas.strategies.one_shot.teaching.teacher import Teacher
    from lighttrack_nas.strategies.one_shot.training.images import read_image_folder
    from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem, TrainingPlan
    from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
    from lighttrack_nas.strategies.search.goals.evaluator import Evaluator
    from lighttrack_nas.strategies.search.samplers.lighttrack import LightTrack
    from lighttrack_nas.strategies.search.samplers.local_search import LocalSearch
    from lighttrack_nas.strategies.search.samplers.nsga2 import NSGA2
    from lighttrack_nas.strategies.search.samplers.nsga3 import NSGA3
    from lighttrack_nas.strategies.search.samplers.optuna_algorithm import OptunaAlgorithm
    from lighttrack_nas.strategies.search.samplers.random_search import RandomSearch
    from lighttrack_nas.strategies.search.samplers.regularized_evolution import RegularizedEvolution
    from lighttrack_nas.strategies.search.samplers.screened import Screened
    from lighttrack_nas.strategies.search.samplers.tpe import TPE
    from lighttrack_nas.strategies.search.sampling import ArchitectureSampler, Ask
    from lighttrack_nas.strategies.search.search_problem import SearchProblem
    from lighttrack_nas.tables import load_places, load_table, table_names
    from lighttrack_nas.trackers.base.errors import InputError
    from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
    from lighttrack_nas.trackers.tracking.hyper_parameters import HyperParameters
    from lighttrack_nas.trackers.tracking.tracker import ArrayNetwork, SiameseTracker
    from lighttrack_nas.trackers.training.generator.generated_pairs import GeneratedPairs
    from lighttrack_nas.trackers.training.generator.generator_settings import SceneSettings
    from lighttrack_nas.trackers.training.generator.sets import generated_sequences
    from lighttrack_nas.trackers.training.losses import LossSettings
    from lighttrack_nas.trackers.training.pairs.mixture import Mixture
    from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings, pair_settings
    from lighttrack_nas.trackers.training.pairs.sequences import SequencePairs
    from lighttrack_nas.trackers.training.pairs.stills import StillPairs, read_stills
    from lighttrack_nas.trackers.training.targets import TargetSettings
    from lighttrack_nas.workers.memory import keep_freed_memory

__version__ = "0.6.0"

_HOMES = {
    "Architecture": "search_spaces.space",
    "ArchitectureSampler": "strategies.search.sampling",
    "ArrayNetwork": "trackers.tracking.tracker",
    "Ask": "strategies.search.sampling",
    "BenchmarkTable": "benchmarks.scoring.tabular_benchmark",
    "Blockwise": "strategies.one_shot.strategies.blockwise",
    "Choice": "search_spaces.loading.values",
    "Comparison": "comparisons.comparisons",
    "ComparisonConfig": "config.comparison_config",
    "Config": "config.config",
    "CostTable": "benchmarks.costs.cost_table",
    "Costs": "benchmarks.costs.network_costs",
    "DeclaredSpace": "search_spaces.declared_space",
    "Difference": "drawings.differences",
    "Distribution": "search_spaces.distribution",
    "Evaluator": "strategies.search.goals.evaluator",
    "Export": "export.exporting",
    "Front": "results.fronts",
    "GeneratedPairs": "trackers.training.generator.generated_pairs",
    "HyperParameters": "trackers.tracking.hyper_parameters",
    "InputError": "trackers.base.errors",
    "Latency": "benchmarks.latency.latency_measuring",
    "LatencySettings": "benchmarks.latency.latency_measuring",
    "LatencyTable": "benchmarks.latency.latency_table",
    "Layer": "search_spaces.loading.values",
    "LightTrack": "strategies.search.samplers.lighttrack",
    "LocalSearch": "strategies.search.samplers.local_search",
    "LossSettings": "trackers.training.losses",
    "MacsSampler": "benchmarks.costs.macs_sampler",
    "MigrationReport": "models.migration_report",
    "Mixture": "trackers.training.pairs.mixture",
    "Model": "models.models",
    "NSGA2": "strategies.search.samplers.nsga2",
    "NSGA3": "strategies.search.samplers.nsga3",
    "Neighbour": "search_spaces.neighbours",
    "NniSpace": "search_spaces.nni_spaces.nni_space",
    "OneShotProblem": "strategies.one_shot.training.one_shot_problem",
    "OptunaAlgorithm": "strategies.search.samplers.optuna_algorithm",
    "PairSettings": "trackers.training.pairs.pair_settings",
    "PathSampling": "strategies.one_shot.strategies.paths",
    "PlaceScores": "benchmarks.scoring.place_scores",
    "PlacesEvaluator": "benchmarks.scoring.places_evaluator",
    "RandomSearch": "strategies.search.samplers.random_search",
    "RegularizedEvolution": "strategies.search.samplers.regularized_evolution",
    "Result": "results.results",
    "SceneSettings": "trackers.training.generator.generator_settings",
    "ScorePredictor": "benchmarks.scoring.score_predictor",
    "Screened": "strategies.search.samplers.screened",
    "SearchProblem": "strategies.search.search_problem",
    "SequencePairs": "trackers.training.pairs.sequences",
    "SiameseTracker": "trackers.tracking.tracker",
    "Space": "search_spaces.space",
    "SpaceCosts": "costing.cost_analysis",
    "Stage": "search_spaces.loading.values",
    "StillPairs": "trackers.training.pairs.stills",
    "Supernet": "search_spaces.building.supernet",
    "SupernetEvaluator": "benchmarks.scoring.supernet_evaluator",
    "TPE": "strategies.search.samplers.tpe",
    "TableEvaluator": "benchmarks.scoring.tabular_benchmark",
    "TabularProblem": "comparisons.problems",
    "TargetSettings": "trackers.training.targets",
    "Teacher": "strategies.one_shot.teaching.teacher",
    "Tower": "search_spaces.loading.values",
    "TrainingPlan": "strategies.one_shot.training.one_shot_problem",
    "TrainingSettings": "strategies.one_shot.training.training_settings",
    "ZeroCostEvaluator": "benchmarks.scoring.zero_cost",
    "build_latency_table": "benchmarks.latency.latency_build",
    "build_model_space": "search_spaces.building.model_space",
    "build_network": "search_spaces.building.builder",
    "build_table": "comparisons.benchmark_table_building",
    "build_tracker": "models.models",
    "compare": "comparisons.comparing",
    "define_space": "search_spaces.loading.values",
    "differences": "drawings.differences",
    "draw_architecture": "drawings.architecture_drawing",
    "draw_costs": "costing.cost_plots",
    "draw_front": "results.front_plots",
    "draw_losses": "drawings.loss_drawing",
    "draw_space": "drawings.space_drawing",
    "evaluate": "benchmarks.evaluation.one_pass",
    "export_model": "export.exporting",
    "export_weights": "models.models",
    "find_architecture": "models.architecture_files",
    "fit_architecture": "search_spaces.loading.fitting",
    "fit_predictor": "benchmarks.scoring.score_predictor",
    "generated_sequences": "trackers.training.generator.sets",
    "import_weights": "models.models",
    "keep_freed_memory": "workers.memory",
    "load_comparison": "config.comparison_config",
    "load_config": "config.config_files",
    "load_cost_table": "costing.cost_analysis",
    "load_costing": "costing.cost_analysis",
    "load_model": "models.models",
    "load_places": "tables",
    "load_space": "search_spaces.loading.loading",
    "load_supernet": "models.supernets",
    "load_table": "tables",
    "load_teacher": "models.teachers",
    "load_tracker": "models.models",
    "measure_costs": "benchmarks.costs.network_costs",
    "measure_latency": "benchmarks.latency.latency_measuring",
    "measure_places": "place_tables.place_measuring",
    "migrate_supernet": "models.migration",
    "neighbours": "search_spaces.neighbours",
    "one_shot_strategy": "strategies.one_shot.strategies.one_shot_registry",
    "operation": "search_spaces.operations.operation_registry",
    "pair_settings": "trackers.training.pairs.pair_settings",
    "place_losses": "places.candidate_losses",
    "predicted_front": "place_tables.predicted_fronts",
    "preset_names": "search_spaces.presets",
    "pretrain_backbone": "chain.training",
    "random_networks": "costing.samples",
    "read_image_folder": "strategies.one_shot.training.images",
    "read_sequences": "trackers.data.readers.reader_registry",
    "read_stills": "trackers.training.pairs.stills",
    "retrain": "chain.training",
    "save_costs": "costing.cost_files",
    "save_front": "results.front_files",
    "save_front_plot": "results.front_files",
    "save_model": "models.models",
    "save_supernet": "models.supernets",
    "search": "chain.searching",
    "space_costs": "costing.cost_analysis",
    "space_python": "search_spaces.loading.texts",
    "space_yaml": "search_spaces.loading.texts",
    "table_names": "tables",
    "train_supernet": "chain.training",
    "tune_tracker": "chain.tuning",
}

__all__ = [
    "NSGA2",
    "NSGA3",
    "TPE",
    "Architecture",
    "ArchitectureSampler",
    "ArrayNetwork",
    "Ask",
    "BenchmarkTable",
    "Blockwise",
    "Choice",
    "Comparison",
    "ComparisonConfig",
    "Config",
    "CostTable",
    "Costs",
    "DeclaredSpace",
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
    "OneShotProblem",
    "OptunaAlgorithm",
    "PairSettings",
    "PathSampling",
    "PlaceScores",
    "PlacesEvaluator",
    "RandomSearch",
    "RegularizedEvolution",
    "Result",
    "SceneSettings",
    "ScorePredictor",
    "Screened",
    "SearchProblem",
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
    "TrainingPlan",
    "TrainingSettings",
    "ZeroCostEvaluator",
    "build_latency_table",
    "build_model_space",
    "build_network",
    "build_table",
    "build_tracker",
    "compare",
    "define_space",
    "differences",
    "draw_architecture",
    "draw_costs",
    "draw_front",
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
    "save_costs",
    "save_front",
    "save_front_plot",
    "save_model",
    "save_supernet",
    "search",
    "space_costs",
    "space_python",
    "space_yaml",
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
