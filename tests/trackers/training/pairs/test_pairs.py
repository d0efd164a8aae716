"""Pairs: settings and recipes, drawing by number, mixtures."""

import math

import numpy as np
import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.pairs.mixture import Mixture
from lighttrack_nas.trackers.training.pairs.pair import Pair, draw_batch, draw_pair
from lighttrack_nas.trackers.training.pairs.pair_settings import PAIR_RECIPES, pair_settings


class Numbered:
    """A source whose pairs hold its own number and a random one."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def pair(self, rng: np.random.Generator) -> Pair:
        template = np.full((8, 8, 3), self.number, np.uint8)
        search = rng.integers(0, 256, (16, 16, 3), np.uint8)
        return Pair(template, search, np.array(rng.random(4), np.float32), bool(rng.random() < 0.5))


def test_recipes_are_the_published_and_one_for_little_data() -> None:
    paper, little = pair_settings("lighttrack", 128, 256), pair_settings("small-data", 64, 128)
    assert set(PAIR_RECIPES) == {"lighttrack", "small-data"}
    # As published: 4 of 128 and 64 of 256 pixels, .05 and .18 of the sides; nothing else.
    assert (paper.template_shift * 128, paper.search_shift * 256) == (4, 64)
    assert (paper.template_stretch, paper.search_stretch, paper.search_scale) == (0.05, 0.18, 0)
    assert (paper.flip, paper.negatives, paper.colour_jitter, paper.context) == (0, 0, 0.05, 0.5)
    assert (little.template_shift * 64, little.search_shift, little.search_scale) == (4, 0.25, 0.25)
    assert (little.search_stretch, little.flip, little.negatives) == (0.08, 0.5, 0.07)
    assert (little.template_size, little.search_size) == (64, 128)


def test_overrides_change_their_field_only() -> None:
    changed = pair_settings("lighttrack", 128, 256, flip=0.5, context=0.3)
    assert (changed.flip, changed.context) == (0.5, 0.3)
    assert changed.search_stretch == 0.18


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"flip": 1.5}, "flip: expected a number between 0 and 1, got 1.5"),
        ({"negatives": -0.1}, "negatives: expected a number between 0 and 1, got -0.1"),
        ({"negatives": True}, "negatives: expected a number between 0 and 1, got True"),
        ({"search_shift": 0.6}, "search_shift: expected a number between 0 and 0.5, got 0.6"),
        ({"template_shift": math.nan}, "template_shift: expected a number between 0 and 0.5, got nan"),
        ({"search_stretch": 1.0}, "search_stretch: expected a number between 0 and 0.9, got 1.0"),
        ({"search_scale": math.inf}, "search_scale: expected a number between 0 and 2, got inf"),
        ({"colour_jitter": "much"}, "colour_jitter: expected a number between 0 and 1, got 'much'"),
        ({"context": 3}, "context: expected a number between 0 and 2, got 3"),
        ({"search_shfit": 0.2}, "unknown setting of pairs 'search_shfit'; did you mean 'search_shift'"),
    ],
)
def test_impossible_settings_of_pairs_are_refused(values: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        pair_settings("lighttrack", 128, 256, **values)


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ((4, 128), "template_size: expected a whole number of pixels between 8 and 2048, got 4"),
        ((64.0, 128), "template_size: expected a whole number of pixels between 8 and 2048, got 64.0"),
        ((64, 32), r"search_size: expected a whole number of pixels between template_size \(64\) and 2048, got 32"),
        ((64, 10**6), "search_size: .* got 1000000"),
    ],
)
def test_impossible_sizes_of_crops_are_refused(sizes: tuple[int, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        pair_settings("lighttrack", *sizes)


def test_an_unknown_recipe_is_refused_with_the_near_one() -> None:
    with pytest.raises(InputError, match="unknown recipe of pairs 'smalldata'; did you mean 'small-data'"):
        pair_settings("smalldata", 64, 128)


def test_a_pair_is_a_function_of_seed_and_number() -> None:
    batch = draw_batch(Numbered(), seed=3, first=5, size=4)
    assert batch.templates.shape == (4, 8, 8, 3)
    assert batch.searches.shape == (4, 16, 16, 3)
    assert (batch.templates.dtype, batch.searches.dtype) == (np.uint8, np.uint8)
    assert (batch.boxes.dtype, batch.positives.dtype) == (np.float32, bool)
    assert len(batch) == 4
    for place in (3, 0, 2, 1):
        pair = draw_pair(Numbered(), 3, 5 + place)
        assert np.array_equal(pair.search, batch.searches[place])
        assert np.array_equal(pair.box, batch.boxes[place])
        assert pair.positive == batch.positives[place]
    assert not np.array_equal(batch.searches[0], batch.searches[1])
    assert not np.array_equal(batch.searches[0], draw_pair(Numbered(), 4, 5).search)


def test_mixture_draws_by_weight() -> None:
    mixture = Mixture([(3, Numbered(0)), (1.0, Numbered(1)), (6, Numbered(2))])
    assert mixture.shares == pytest.approx((0.3, 0.1, 0.6))
    drawn = draw_batch(mixture, 0, 0, 2000).templates[:, 0, 0, 0]
    shares = np.bincount(drawn, minlength=3) / 2000
    # Four standard deviations.
    np.testing.assert_allclose(shares, [0.3, 0.1, 0.6], atol=4 * math.sqrt(0.25 / 2000))


def test_mixture_takes_any_scale_of_weights() -> None:
    assert Mixture([(1e308, Numbered()), (1e308, Numbered())]).shares == (0.5, 0.5)
    assert Mixture([(1e-308, Numbered())]).shares == (1.0,)


@pytest.mark.parametrize("weight", [0, -1, math.nan, math.inf, True, "1"])
def test_impossible_weights_of_a_mixture_are_refused(weight: float) -> None:
    with pytest.raises(InputError, match="weight 2 of 2: expected a positive number, got"):
        Mixture([(1, Numbered()), (weight, Numbered())])


def test_a_mixture_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="expected one source or more, got none"):
        Mixture([])
