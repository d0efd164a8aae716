"""From a configuration to training pairs and sequences."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lighttrack_nas.config import Config
from lighttrack_nas.config_data import GeneratedSource, SequencesSource, StillsSource, Videos
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.boxes import checked_box
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.generator.pairs import GeneratedPairs
from lighttrack_nas.trackers.generator.sets import GENERATED_SETS, generated_sequences
from lighttrack_nas.trackers.generator.settings import SceneSettings
from lighttrack_nas.trackers.names import checked_name
from lighttrack_nas.trackers.pairs.mixture import Mixture
from lighttrack_nas.trackers.pairs.pair import PairSource, draw_pair
from lighttrack_nas.trackers.pairs.sequences import SequencePairs
from lighttrack_nas.trackers.pairs.settings import PairSettings, pair_settings
from lighttrack_nas.trackers.pairs.stills import StillPairs, read_stills
from lighttrack_nas.trackers.readers import read_sequences
from lighttrack_nas.trackers.sequence import Sequence, read_image

Say = Callable[[str], None]
"""Told, sentence by sentence, what was left out of a data set."""

Shot = tuple[Path, np.ndarray]
"""An image file and a target's box in it."""

_PICTURES = 400  # that the generator cuts objects and backgrounds from
_SAMPLE = 64  # pairs drawn to see whether a data set can be read
_SMALLEST_PATCH, _LONGEST_SIDE = 12, 400  # pixels


def read_videos(videos: Videos, generated: Path) -> list[Sequence]:
    """Read the sequences of a configuration.

    Args:
        videos: Which.
        generated: Folder for generated sets, which are made when first wanted.

    Raises:
        InputError: Unreadable data set, or names that it does not hold.
    """
    if videos.path in GENERATED_SETS:
        sequences = generated_sequences(videos.path, generated / videos.path)
    else:
        sequences = read_sequences(expanded(videos.path), videos.layout)
    names = [sequence.name for sequence in sequences]
    for name in (*videos.only, *videos.without):
        checked_name(name, names, f"sequence of '{videos.path}',")
    chosen = [s for s in sequences if s.name not in videos.without and (not videos.only or s.name in videos.only)]
    if not chosen:
        raise InputError(f"'{videos.path}': no sequence is left of {len(names)}")
    return chosen


def training_pairs(config: Config, space: Space, say: Say | None = None) -> PairSource:
    """Build the source of training pairs for a space's crop sizes.

    Args:
        config: Whose `data`.
        space: Gives the crops' sizes: the template's and the smaller search size.
        say: Told what was left out, as far as annotations and a sample of pairs show it. Pairs for training are drawn
            in other processes, which keep their counts to themselves.

    Raises:
        InputError: A data set cannot be read, holds nothing to train on, or a setting is impossible.
    """
    data = config.data
    template_size, search_size = space.template_size, space.search_sizes[0]
    settings = pair_settings(data.recipe, template_size, search_size, **data.pairs)
    mixed: list[tuple[float, PairSource]] = []
    shots: list[Shot] = []
    for source in data.sources:
        if isinstance(source, SequencesSource):
            videos = read_videos(source, config.folder("generated"))
            pairs: SequencePairs | StillPairs = SequencePairs(videos, settings, frame_range=source.frame_range)
            shots += [(p, b) for v in videos for p, b in zip(v.frame_paths, v.boxes, strict=True)]
        elif isinstance(source, StillsSource):
            stills = read_stills(expanded(source.path))
            pairs = StillPairs(stills, settings)
            shots += [(still.path, box) for still in stills for box in still.boxes]
        else:
            continue
        mixed.append((source.weight, pairs))
        if say is not None:
            for number in range(_SAMPLE):
                draw_pair(pairs, config.seed, number)
            for sentence in pairs.report():
                say(sentence)
    for source in data.sources:
        if isinstance(source, GeneratedSource):
            mixed.append((source.weight, _generated(source, settings, shots if source.real else [], config.seed)))
    return mixed[0][1] if len(mixed) == 1 else Mixture(mixed)


def validation_pairs(space: Space, sequences: list[Sequence]) -> PairSource:
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
    return SequencePairs(sequences, settings, frame_range=100)


def expanded(path: str) -> str:
    """Put environment variables' values into a path.

    Raises:
        InputError: A variable is not set.
    """
    found = os.path.expandvars(path)
    if "$" in found:
        raise InputError(f"path '{path}': set the environment variable that it names, or write the path out")
    return found


def _generated(source: GeneratedSource, settings: PairSettings, shots: list[Shot], seed: int) -> GeneratedPairs:
    known = [field.name for field in fields(SceneSettings)]
    values: dict[str, Any] = {}
    for name, value in source.scenes.items():
        values[checked_name(name, known, "setting of scenes")] = tuple(value) if isinstance(value, list) else value
    patches, backgrounds = _pictures(shots, np.random.default_rng([seed, _PICTURES]))
    return GeneratedPairs(settings, SceneSettings(**values), patches=patches, backgrounds=backgrounds)


def _pictures(shots: list[Shot], rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Cut real objects and take real pictures for the generator; what cannot be read or is too small is left out."""
    patches, backgrounds = [], []
    for index in rng.permutation(len(shots))[:_PICTURES]:
        path, box = shots[index]
        try:
            frame = read_image(path)
            x, y, w, h = checked_box(box, frame.shape)
        except InputError:
            continue
        low, high = np.maximum(np.round([x, y]), 0).astype(int), np.round([x + w, y + h]).astype(int)
        patch = frame[low[1] : high[1], low[0] : high[0]]
        if min(patch.shape[:2]) >= _SMALLEST_PATCH:
            patches.append(patch.copy())
        shrink = _LONGEST_SIDE / max(frame.shape[:2])
        backgrounds.append(cv2.resize(frame, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))
    return patches, backgrounds
