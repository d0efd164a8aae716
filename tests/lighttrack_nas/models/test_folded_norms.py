"""Networks with folded norms through the chain: migrated, trained, retrained, searched, and the published one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import lighttrack_nas as ltn
from lighttrack_nas.chain.evaluators import supernet_evaluator
from lighttrack_nas.config.config import Config
from lighttrack_nas.trackers.network.norms import fold_norms, folded_norms, has_folded_norms, is_folded
from lighttrack_nas.trackers.training.pairs.pair import Pair

TABLE = ltn.load_space("lighttrack-table")


class Noise:
    """Pairs of noise."""

    def __init__(self, template_size: int = 48, search_size: int = 96) -> None:
        self.sizes = template_size, search_size

    def pair(self, rng: np.random.Generator) -> Pair:
        template, search = (rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in self.sizes)
        return Pair(template, search, np.array([30, 30, 32, 32], np.float32), True)


def settings(**changes: object) -> ltn.TrainingSettings:
    given = {"steps": 2, "batch_size": 2, "workers": 0, "warmup_steps": 0, "learning_rate": 0.01}
    return ltn.TrainingSettings(**(given | changes))


def norms(module: nn.Module) -> dict[str, nn.BatchNorm2d]:
    return {name: norm for name, norm in module.named_modules() if isinstance(norm, nn.BatchNorm2d)}


@pytest.fixture(scope="module")
def folded(unsettle: Callable[[nn.Module], None]) -> ltn.Supernet:
    """A supernet whose norms are folded but for those of the neck, as in the published network."""
    supernet = ltn.Supernet(TABLE).eval()
    unsettle(supernet)
    for part in ("backbone", "cls_head", "reg_head"):
        fold_norms(getattr(supernet.model_space.network, part))
    return supernet


@pytest.fixture(scope="module")
def unsettle() -> Callable[[nn.Module], None]:
    def give(module: nn.Module) -> None:
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for norm in norms(module).values():
                for values in (norm.running_var, norm.weight):
                    values.uniform_(0.5, 1.5, generator=generator)

    return give


@pytest.fixture(scope="module")
def folder(folded: ltn.Supernet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folded")
    ltn.save_supernet(folded, folder / "supernet.safetensors")
    return folder


def assert_kept(before: nn.Module, after: nn.Module) -> None:
    """What was folded is folded still, its weights have learnt, and the other norms have followed the batches."""
    first, second = norms(before), norms(after)
    assert first.keys() == second.keys()
    kept = [name for name, norm in first.items() if is_folded(norm)]
    others = [name for name in first if name not in kept]
    assert kept
    assert others
    assert all(is_folded(second[name]) for name in kept)
    assert any(not torch.equal(first[name].weight, second[name].weight) for name in kept)
    assert any(not torch.equal(first[name].running_mean, second[name].running_mean) for name in others)


def test_retraining_keeps_what_it_inherits_folded(folded: ltn.Supernet, tmp_path: Path) -> None:
    architecture = TABLE.sample(np.random.default_rng(0))
    model = ltn.retrain(architecture, Noise(), settings=settings(), output=tmp_path, supernet=folded)
    assert_kept(folded.extract(architecture), model.network)


def test_a_supernet_that_starts_from_a_folded_one_stays_so(folded: ltn.Supernet, folder: Path, tmp_path: Path) -> None:
    supernet = ltn.train_supernet(TABLE, Noise(), settings=settings(steps=4), output=tmp_path, start_from=folder)
    assert_kept(folded.model_space, supernet.model_space)


def test_migration_takes_folded_norms_as_they_are(folded: ltn.Supernet, folder: Path) -> None:
    supernet, _ = ltn.migrate_supernet(folder, TABLE)
    assert len(folded_norms(supernet)) == len(folded_norms(folded))
    assert not has_folded_norms(ltn.migrate_supernet(ltn.Supernet(TABLE), TABLE)[0])


def test_a_search_says_once_that_nothing_is_recalibrated(
    folded: ltn.Supernet, tmp_path: Path, write_sequences: Callable[[Path], Path]
) -> None:
    config = Config.model_validate(
        {
            "space": "lighttrack-table",
            "output": str(tmp_path / "run"),
            "validation": {"path": str(write_sequences(tmp_path / "sequences"))},
            "search": {"calibration_batches": 1, "batch_size": 4, "quick_pairs": 4},
        }
    )
    said: list[str] = []
    evaluator = supernet_evaluator(config, said.append, supernet=folded)
    architecture = TABLE.sample(np.random.default_rng(0))
    for _ in range(2):
        evaluator.measure(architecture, ["overlap"])
    assert len(said) == 1
    assert said[0].startswith("the supernet has folded norms")
    before, after = folded.extract(architecture).state_dict(), evaluator.extract(architecture).state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    said.clear()
    supernet_evaluator(config, said.append, supernet=ltn.Supernet(TABLE).eval())
    assert said == []


@pytest.mark.data
def test_the_published_network_is_folded_and_stays_so(data: Path, mobile_code: str, tmp_path: Path) -> None:
    """But for the neck; what trains it leaves mean 0 and variance 1, and its weights learn."""
    from lighttrack_nas.strategies.one_shot.training.fit import fit
    from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
    from lighttrack_nas.trackers.training.losses import LossSettings
    from lighttrack_nas.trackers.training.targets import TargetSettings

    architecture = ltn.load_space("lighttrack").decode(mobile_code)
    file = tmp_path / "mobile.safetensors"
    ltn.import_weights(data / "lighttrack_mobile" / "lighttrack_mobile.pth", architecture, file)
    before, network = ltn.load_model(file).network, ltn.load_model(file).network
    assert {name for name, norm in norms(network).items() if not is_folded(norm)} == {
        "necks.96.template_norm",
        "necks.96.search_norm",
    }
    task = TrackingTask(Noise(128, 256), 2, 0, TargetSettings(), LossSettings())
    fit(network.train(), network.backbone, task, settings(learning_rate=1e-4), tmp_path / "training")
    assert_kept(before, network)
    for name, norm in norms(network).items():
        if not name.startswith("necks"):
            assert not norm.running_mean.any()
            assert (norm.running_var == 1).all()
