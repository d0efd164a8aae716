"""From a configuration to training pairs and sequences."""

from __future__ import annotations

import os
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lighttrack_nas.chain.pair_sources import (
    Shots,
    expanded,
    labelled_pairs,
    read_labelled,
    unlabelled_pairs,
)
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_data import (
    GIBIBYTE,
    UNLABELLED,
    GeneratedSource,
    ImagesSource,
    SequencesSource,
    Videos,
    VideosSource,
)
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.progress import Say
from lighttrack_nas.trackers.data.readers.choosing import Choice, choose, read_chosen, with_whole_frames
from lighttrack_nas.trackers.data.readers.common import Listed, listed_broken
from lighttrack_nas.trackers.data.readers.reader_registry import choose_sequences
from lighttrack_nas.trackers.data.sequence import Sequence, read_image
from lighttrack_nas.trackers.training.generator.generated_pairs import GeneratedPairs
from lighttrack_nas.trackers.training.generator.generator_settings import SceneSettings
from lighttrack_nas.trackers.training.generator.sets import GENERATED_SETS, generated_sequences
from lighttrack_nas.trackers.training.pairs.mixture import Mixture
from lighttrack_nas.trackers.training.pairs.pair import PairSource, draw_pair
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings, pair_settings
from lighttrack_nas.trackers.training.pairs.sequences import SequencePairs
from lighttrack_nas.trackers.training.pairs.stills import StillPairs
from lighttrack_nas.trackers.training.pairs.tracks import TrackPairs
from lighttrack_nas.trackers.training.pairs.unlabelled import UnlabelledPairs

_PICTURES = 400  # that the generator cuts objects and backgrounds from
_SAMPLE = 64  # pairs drawn to see whether a data set can be read
_SMALLEST_PATCH, _LONGEST_SIDE = 12, 400  # pixels


def read_videos(videos: Videos, generated: Path, say: Say | None = None) -> list[Sequence]:
    """Read the sequences of a configuration.

    Args:
        videos: Which.
        generated: Folder for generated sets, which are made when first wanted.
        say: Told which were left out because they cannot be read.

    Raises:
        InputError: Unreadable data set, a split that it has not, or names that it does not hold.
    """
    choice = _choose(videos, generated, say)
    _report(choice, say)
    return choice.sequences


def choose_videos(videos: Videos, generated: Path, say: Say | None = None) -> Choice:
    """Read sequences to track as `read_videos` does, and give those that were left out, too.

    Where bad ones are to be left out, those are that have a frame that cannot be read.

    Raises:
        InputError: See there.
    """
    choice = _choose(videos, generated, say)
    if videos.on_bad != "refuse":
        choice = with_whole_frames(choice, os.cpu_count() or 1)
    _report(choice, say)
    return choice


def _report(choice: Choice, say: Say | None) -> None:
    if say is not None:
        for sentence in choice.report():
            say(sentence)


def require_chosen(videos: Videos) -> None:
    """Check what is chosen from a generated set, which need not be made yet.

    Raises:
        InputError: A split, which it has not, names that it does not hold, or none left.
    """
    if videos.split != "all":
        raise InputError(f"split '{videos.split}': the generated set '{videos.path}' is one split: leave the key out")
    generated = GENERATED_SETS[videos.path]
    names = map(generated.sequence_name, range(generated.sequences))
    choose([listed_broken(name, "not made yet") for name in names], videos.path, videos.only, videos.without)


def _choose(videos: Videos, generated: Path, say: Say | None) -> Choice:
    if videos.path in GENERATED_SETS:
        require_chosen(videos)
        sequences = generated_sequences(videos.path, generated / videos.path)
        listed = [Listed(sequence.name, partial(_same, sequence)) for sequence in sequences]
        return read_chosen(listed, videos.path, videos.only, videos.without)
    return choose_sequences(
        expanded(videos.path),
        videos.layout,
        videos.split,
        only=videos.only,
        without=videos.without,
        on_bad=videos.on_bad,
        say=say,
    )


def training_pairs(config: Config, space: Space, say: Say | None = None, processes: int = 1) -> PairSource:
    """Build the source of training pairs for a space's crop sizes.

    Args:
        config: Whose `data`.
        space: Gives the crops' sizes: the template's and the smaller search size.
        say: Told what was left out, as far as annotations and a sample of pairs show it. Pairs for training are drawn
            in other processes, which keep their counts to themselves.
        processes: That decode frames at the same time, between which `data.cache` is divided.

    Raises:
        InputError: A data set cannot be read, holds nothing to train on, or a setting is impossible.
    """
    data = config.data
    template_size, search_size = space.template_size, space.search_sizes[0]
    settings = pair_settings(data.recipe, template_size, search_size, **data.pairs)
    mixed: list[tuple[float, PairSource]] = []
    # What the generator cuts from; listed only where one wants it.
    shots = Shots() if any(isinstance(s, GeneratedSource) and s.real for s in data.sources) else None
    unlabelled: list[UnlabelledPairs] = []
    cache = data.cache_share(processes)
    pairs: SequencePairs | StillPairs | TrackPairs | UnlabelledPairs
    for source in data.sources:
        if isinstance(source, GeneratedSource):
            continue
        if isinstance(source, ImagesSource | VideosSource):
            pairs = unlabelled_pairs(source, settings, cache, say)
            unlabelled.append(pairs)
        elif isinstance(source, SequencesSource):
            videos = read_videos(source, config.folder("generated"), say)
            pairs = SequencePairs(videos, settings, source.frame_range, cache)
            if shots is not None:
                shots.add_videos(videos)
        else:
            labelled = read_labelled(source, say)
            pairs = labelled_pairs(source, labelled, settings, cache)
            if shots is not None:
                shots.add_labelled(labelled)
        mixed.append((source.weight, pairs))
        if say is not None:
            for number in range(_SAMPLE):
                draw_pair(pairs, config.seed, number)
            for sentence in pairs.report():
                say(sentence)
    for source in data.sources:
        if isinstance(source, GeneratedSource):
            real = (shots or Shots(), unlabelled) if source.real else (Shots(), [])
            mixed.append((source.weight, _generated(source, settings, *real, config.seed)))
    return mixed[0][1] if len(mixed) == 1 else Mixture(mixed)


def require_labels(config: Config, what: str, needs_labels: bool = True) -> None:
    """Check that a training that learns from labels has them in all that it is given; nothing is read.

    Args:
        config: Whose `data`.
        what: What learns, for the message: "retraining without a teacher".
        needs_labels: Whether it learns from labels at all; if not, every source will do.

    Raises:
        InputError: It does, and a source has none.
    """
    without = [number for number, source in enumerate(config.data.sources) if source.kind in UNLABELLED]
    if needs_labels and without:
        places = ", ".join(f"data.sources.{number} (kind {config.data.sources[number].kind})" for number in without)
        raise InputError(
            f"{what} learns from labels, which {places} cannot give: leave out sources of the kinds "
            f"{' and '.join(UNLABELLED)}, or learn from a teacher"
        )


def validation_pairs(space: Space, sequences: list[Sequence], cache_bytes: int = GIBIBYTE) -> PairSource:
    """Build the source of the pairs on which candidates are compared: of the validation sequences, near to the truth.

    Small shifts and no change of colours, as a tracker meets its target while it follows well.

    Raises:
        InputError: The sequences hold no pair.
    """
    settings = PairSettings(
        template_size=space.template_size,
        search_size=space.search_sizes[0],
        template_shift=0.0,
        template_stretch=0.0,
        search_shift=0.1,
        search_scale=0.1,
        search_stretch=0.05,
        flip=0.0,
        colour_jitter=0.0,
        negatives=0.0,
    )
    return SequencePairs(sequences, settings, 100, cache_bytes)


def _same(sequence: Sequence) -> Sequence:
    return sequence


def _generated(
    source: GeneratedSource, settings: PairSettings, shots: Shots, unlabelled: list[UnlabelledPairs], seed: int
) -> GeneratedPairs:
    known = [field.name for field in fields(SceneSettings)]
    values: dict[str, Any] = {}
    for name, value in source.scenes.items():
        values[checked_name(name, known, "setting of scenes")] = tuple(value) if isinstance(value, list) else value
    rng = np.random.default_rng([seed, _PICTURES])
    patches, backgrounds = _pictures(shots, rng)
    for pairs in unlabelled:
        backgrounds += [_small(picture) for picture in pairs.pictures(_PICTURES // len(unlabelled), rng)]
    return GeneratedPairs(settings, SceneSettings(**values), patches=patches, backgrounds=backgrounds)


def _pictures(shots: Shots, rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Cut real objects and take real pictures for the generator; what cannot be read or is too small is left out."""
    patches, backgrounds = [], []
    for index in rng.permutation(len(shots))[:_PICTURES]:
        shot = shots[int(index)]
        try:
            frame = read_image(shot.path)
            x, y, w, h = checked_box(shot.box_in(frame), frame.shape)
        except InputError:
            continue
        low, high = np.maximum(np.round([x, y]), 0).astype(int), np.round([x + w, y + h]).astype(int)
        patch = frame[low[1] : high[1], low[0] : high[0]]
        if min(patch.shape[:2]) >= _SMALLEST_PATCH:
            patches.append(patch.copy())
        backgrounds.append(_small(frame))
    return patches, backgrounds


def _small(frame: np.ndarray) -> np.ndarray:
    shrink = _LONGEST_SIDE / max(frame.shape[:2])
    return np.asarray(cv2.resize(frame, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))
