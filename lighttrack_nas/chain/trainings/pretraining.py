"""Backbones on images, before they track: all of a space at once, or the one of a network that was found.

LightTrack does both: its supernet's backbone begins on ImageNet, and so does the network that its search has found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.chain.trainings.training_records import begin_run, outcome, training_record
from lighttrack_nas.models.supernets import BACKBONE_KIND, save_shared_weights, shared_weights_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.one_shot.images.image_recipe import ImageRecipe
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from lighttrack_nas.strategies.one_shot.images.image_folders import ImageFolder
    from lighttrack_nas.strategies.one_shot.training.callbacks import AfterStep
    from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
    from lighttrack_nas.trackers.network.network import Backbone

BACKBONE_FILE = "backbone.safetensors"
NETWORK_KIND = "backbone of one network"


@dataclass(frozen=True)
class PretrainedBackbone:
    """The backbone of one network, trained on images.

    Attributes:
        file: Its weights, ``backbone.safetensors``, from which `retrain` may start.
        held_out_accuracy: Share of right answers ("top 1") on images held out; None where there were none.
    """

    file: Path
    held_out_accuracy: float | None


def pretrain_backbone(
    space: Space,
    images: ImageFolder,
    *,
    settings: TrainingSettings,
    output: str | Path,
    image_size: int = 128,
    recipe: ImageRecipe | None = None,
    record: Mapping[str, Any] | None = None,
    progress: AfterStep | None = None,
) -> Path:
    """Train a space's backbone as a supernet that tells classes of images apart, one random path a step, through NNI.

    Args:
        space: Whose backbone.
        images: The images, from `read_image_folder`.
        settings: How to train.
        output: The run's folder.
        image_size: Side of the crops, pixels.
        recipe: How images are changed, and what the classifier is like; None: the defaults.
        record: JSON-able facts on the data, kept with the result.
        progress: Called after every step.

    Returns:
        The file ``backbone.safetensors``, from which `train_supernet` may start.

    Raises:
        InputError: See `lighttrack_nas.strategies.one_shot.training.fit.fit`; or the folder holds another training, or
            the space is somebody's own model space of NNI, which does not say what its backbone is.
    """
    import torch

    from lighttrack_nas.search_spaces.building.model_space import ClassifierModelSpace
    from lighttrack_nas.strategies.one_shot.images.classification import ClassificationTask
    from lighttrack_nas.strategies.one_shot.strategies.uniform import SPOS
    from lighttrack_nas.strategies.one_shot.training.fit import fit
    from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem

    _require_declared(space)
    output, recipe = Path(output), recipe or ImageRecipe()
    about = training_record("pretrain-backbone", space, settings, record) | _record(images, image_size, recipe)
    begin_run(output, about)
    file = output / BACKBONE_FILE
    if file.exists():
        return file
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        classes = len(images.classes)
        model = ClassifierModelSpace(space, classes, head_width=recipe.head_width, dropout=recipe.dropout)
    task = ClassificationTask(images, image_size, settings.batch_size, settings.seed, recipe)
    plan = SPOS().plan(OneShotProblem(space=space, settings=settings))
    report = fit(model, model.backbone, task, settings, output, plan=plan, progress=progress)
    save_shared_weights(model.backbone, space, BACKBONE_KIND, file, about | outcome(report))
    return file


def pretrain_network(
    architecture: Architecture,
    images: ImageFolder,
    *,
    settings: TrainingSettings,
    output: str | Path,
    image_size: int = 128,
    recipe: ImageRecipe | None = None,
    held_out: ImageFolder | None = None,
    record: Mapping[str, Any] | None = None,
    progress: AfterStep | None = None,
) -> PretrainedBackbone:
    """Train the backbone of one network to tell classes of images apart, from random weights.

    Args:
        architecture: Whose backbone, up to its output.
        images: The images, from `read_image_folder`.
        settings: How to train.
        output: The run's folder.
        image_size: Side of the crops, pixels.
        recipe: How images are changed, and what the classifier is like; None: the defaults.
        held_out: Images of the same classes, of which the share of right answers is measured at the end.
        record: JSON-able facts on the data, kept with the result.
        progress: Called after every step.

    Raises:
        InputError: See `lighttrack_nas.strategies.one_shot.training.fit.fit`; or the folder holds another training, the
            images held out are of other classes, or the space is somebody's own model space of NNI.
    """
    import torch

    from lighttrack_nas.search_spaces.building.builder import build_network
    from lighttrack_nas.strategies.one_shot.images.classification import ClassificationTask, share_of_right
    from lighttrack_nas.strategies.one_shot.images.image_folders import require_same_classes
    from lighttrack_nas.strategies.one_shot.training.fit import fit
    from lighttrack_nas.trackers.network.image_classifier import ImageClassifier
    from lighttrack_nas.trackers.weights.weights import read_header

    space = architecture.space
    _require_declared(space)
    if held_out is not None:
        require_same_classes(images.classes, held_out.classes)
    output, recipe, chosen = Path(output), recipe or ImageRecipe(), {"architecture": dict(architecture.choices)}
    about = training_record("pretrain-network", space, settings, record) | _record(images, image_size, recipe) | chosen
    about |= {"held_out": None if held_out is None else len(held_out.images)}
    begin_run(output, about)
    file = output / BACKBONE_FILE
    if file.exists():
        return PretrainedBackbone(file, read_header(file)["provenance"].get("held_out_accuracy"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = build_network(architecture)
        width, classes = network.exit.channels, len(images.classes)
        model = ImageClassifier(
            network.backbone, width, classes, head_width=recipe.head_width, dropout=recipe.dropout
        ).train()
    task = ClassificationTask(images, image_size, settings.batch_size, settings.seed, recipe)
    report = fit(model, model.backbone, task, settings, output, progress=progress)
    about |= outcome(report)
    device = "cuda" if settings.accelerator in ("gpu", "cuda") else "cpu"
    accuracy = None if held_out is None else share_of_right(model, held_out, image_size, device=device)
    if accuracy is not None:
        about |= {"held_out_accuracy": accuracy}
    save_shared_weights(model.backbone, space, NETWORK_KIND, file, about, chosen)
    return PretrainedBackbone(file, accuracy)


def take_backbone(backbone: Backbone, file: Path, architecture: Architecture) -> None:
    """Give a network's backbone the weights that it has learnt on images.

    Args:
        backbone: The network's.
        file: What `pretrain_network` wrote.
        architecture: The network's.

    Raises:
        InputError: Unreadable, or of another network.
    """
    from lighttrack_nas.trackers.weights.weights import load_weights, read_header

    space = shared_weights_space(file, NETWORK_KIND)
    if space != architecture.space or read_header(file).get("architecture") != dict(architecture.choices):
        raise InputError(
            f"backbone '{file}' is of another network than the one to train: pre-train that one, in another folder"
        )
    load_weights(backbone, file)


def _require_declared(space: Space) -> None:
    if not space.is_declared:
        space.refuse("is NNI's, and does not say what its backbone leaves, so that no classifier can follow it")


def _record(images: ImageFolder, image_size: int, recipe: ImageRecipe) -> dict[str, Any]:
    about = {"image_size": image_size, "classes": list(images.classes), "images": len(images.images)}
    changed = recipe.model_dump(mode="json")  # without what is usual
    return about | ({"recipe": changed} if changed else {})
