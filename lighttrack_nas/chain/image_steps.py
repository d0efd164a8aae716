"""The chain's trainings on images as the commands run them: the space's backbone, and the chosen network's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.chain.choosing import chosen_network
from lighttrack_nas.chain.evaluators import prepare_torch
from lighttrack_nas.chain.pair_sources import expanded
from lighttrack_nas.chain.trainings.pretraining import PretrainedBackbone, pretrain_backbone, pretrain_network
from lighttrack_nas.chain.trainings.shown_steps import shown_steps
from lighttrack_nas.config.config import Config
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.one_shot.images.image_folders import ImageFolder, read_image_folder
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Say

if TYPE_CHECKING:
    from lighttrack_nas.config.config_training import Pretraining
    from lighttrack_nas.strategies.one_shot.training.callbacks import AfterStep


def run_pretraining(config: Config, say: Say, after_step: AfterStep | None = None) -> Path:
    """Train the backbone on images; see `pretrain_backbone`.

    Args:
        config: With `pretraining`.
        say: See `Say`.
        after_step: Told of each step in place of a progress bar.

    Raises:
        InputError: The configuration has no `pretraining`, or see there.
    """
    part = _required(config.pretraining, "pretraining")
    prepare_torch(config)
    images = _read(part.images, say)
    settings = config.training(part.training, "pretraining.training", epoch=len(images.images))
    with shown_steps("backbone", settings, after_step) as told:
        return pretrain_backbone(
            load_space(config.space),
            images,
            settings=settings,
            output=config.folder("pretraining"),
            progress=told,
            **_how(part),
        )


def run_network_pretraining(config: Config, say: Say, after_step: AfterStep | None = None) -> PretrainedBackbone:
    """Train the backbone of the chosen network on images; see `pretrain_network`.

    Args:
        config: With `retrain.pretraining`.
        say: See `Say`.
        after_step: Told of each step in place of a progress bar.

    Raises:
        InputError: The configuration has no `retrain.pretraining`, there is no search to choose from, or see there.
    """
    part = _required(config.retrain.pretraining, "retrain.pretraining")
    prepare_torch(config)
    architecture, _ = chosen_network(config, say)
    images = _read(part.images, say)
    held_out = None if part.held_out is None else _read(part.held_out, say)
    settings = config.training(part.training, "retrain.pretraining.training", epoch=len(images.images))
    with shown_steps("backbone", settings, after_step) as told:
        return pretrain_network(
            architecture,
            images,
            settings=settings,
            output=config.folder("network-pretraining"),
            held_out=held_out,
            progress=told,
            **_how(part),
        )


def _required(part: Pretraining | None, key: str) -> Pretraining:
    if part is None:
        raise InputError(f"the configuration has no '{key}': give {key}.images, a folder of class folders")
    return part


def _how(part: Pretraining) -> dict[str, Any]:
    return {"image_size": part.image_size, "recipe": part.recipe(), "record": {"images": part.images}}


def _read(folder: str, say: Say) -> ImageFolder:
    images = read_image_folder(expanded(folder))
    say(f"'{folder}': {len(images.images):,} images of {len(images.classes):,} classes")
    return images
