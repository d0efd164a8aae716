"""Scenes of the generator: settings, outlines, textures, and boxes against pictures."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.generator.actors import line_kernel
from lighttrack_nas.trackers.training.generator.backgrounds import random_background, window_of
from lighttrack_nas.trackers.training.generator.generator_settings import SceneSettings
from lighttrack_nas.trackers.training.generator.motion import random_curves
from lighttrack_nas.trackers.training.generator.outlines import random_outline
from lighttrack_nas.trackers.training.generator.quality import Quality, tinted
from lighttrack_nas.trackers.training.generator.scenes import Material, Scene, make_scene
from lighttrack_nas.trackers.training.generator.textures import random_palette, random_texture

SEEDS = st.integers(0, 10**6)
MATERIAL = Material(object_size=48, background_size=96)
HALF_FRAME = np.array([2.5, 2.0])


def scene_of(seed: int, **settings: object) -> Scene:
    return make_scene(
        np.random.default_rng(seed), SceneSettings(**settings), MATERIAL, half_frame=HALF_FRAME, frames=60
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("distractors", -0.1, "distractors must be a probability of 0 to 1, got -0.1"),
        ("occluders", 1.5, "occluders must be a probability of 0 to 1"),
        ("real", math.nan, "real must be a probability of 0 to 1, got nan"),
        ("camouflage", True, "camouflage must be a probability"),
        ("others", "often", "others must be a probability of 0 to 1, got 'often'"),
        ("scale", 1.2, "scale must be an amplitude of 0 to 1"),
        ("deformation", 0.5, "deformation must be an amplitude of 0 to 0.3"),
        ("aspect", (3.0, 0.3), "aspect must be two numbers"),
        ("aspect", (0.0, 1.0), "between 0.1 and 10"),
        ("aspect", (0.5, math.nan), "aspect must be two numbers"),
        ("speed", (0.1, 2.0), "between 0 and 0.5"),
        ("speed", 0.1, "speed must be two numbers"),
    ],
)
def test_settings_refuse_what_cannot_be(name: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match="scenes: ") as error:
        SceneSettings(**{name: value})
    assert message in str(error.value)


@given(SEEDS)
def test_outlines_fill_the_unit_box(seed: int) -> None:
    outline = random_outline(np.random.default_rng(seed))
    assert outline.shape == (40, 2)
    np.testing.assert_allclose(outline.min(axis=0), -0.5, atol=1e-9)
    np.testing.assert_allclose(outline.max(axis=0), 0.5, atol=1e-9)


@given(SEEDS)
def test_curves_stay_within_their_amplitudes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    middle, amplitude = rng.normal(size=3), rng.random(3)
    curves = random_curves(rng, middle, amplitude, 0.1, dash=(20.0, 5.0, 30.0))
    values = np.array([curves(time) for time in np.linspace(0, 200, 101)])
    assert (np.abs(values - middle) <= amplitude + 1e-9).all()


def test_a_dash_skips_time() -> None:
    rng = np.random.default_rng(0)
    calm = random_curves(rng, np.zeros(2), np.ones(2), 0.05)
    dashing = replace(calm, dash=(20.0, 8.0, 30.0))
    np.testing.assert_array_equal(dashing(15), calm(15))
    np.testing.assert_allclose(dashing(40), calm(70))


@given(SEEDS)
def test_palettes_are_colours(seed: int) -> None:
    rng = np.random.default_rng(seed)
    palette = random_palette(rng)
    assert 2 <= len(palette) <= 5
    for colours in (palette, random_palette(rng, palette)):
        assert colours.shape[1] == 3
        assert colours.min() >= 0
        assert colours.max() <= 255


@pytest.mark.parametrize("size", [8, 63, 64])
def test_textures_and_backgrounds_are_pictures_of_many_kinds(size: int) -> None:
    contrasts = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        texture = random_texture(rng, size, random_palette(rng))
        background = random_background(rng, size, random_palette(rng))
        assert texture.shape == background.shape == (size, size, 3)
        assert texture.dtype == background.dtype == np.uint8
        contrasts.append((texture.std(), background.std()))
    assert np.median(contrasts) > 10
    assert np.mean(np.array(contrasts) > 3) > 0.9


def test_a_window_shows_at_least_half_of_an_image() -> None:
    image = np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (50, 1, 3))
    for seed in range(20):
        window = window_of(np.random.default_rng(seed), image, 32)
        assert window.shape == (32, 32, 3)
        assert int(window.max()) - int(window.min()) > 90


@pytest.mark.parametrize("seed", range(40))
def test_boxes_are_tight(seed: int) -> None:
    scene = scene_of(seed)
    white = tuple(replace(part, texture=np.full_like(part.texture, 255)) for part in scene.target.parts)
    pose = scene.target.pose
    waves = pose.waves.copy()
    waves[0, :, 6] = 0  # no change of brightness
    target = replace(scene.target, parts=white, pose=replace(pose, waves=waves))
    alone = replace(
        scene,
        background=np.zeros_like(scene.background),
        behind=(),
        front=(),
        target=target,
        light=None,
        shutter=0.0,
    )
    view = np.array([[40, 0, 150.3], [0, 37.0, 140.7]])
    time = seed * 1.5
    x, y, w, h = scene.target_box(time, view)
    share = alone.render(time, view, (300, 280))[..., 0]

    def box_of(threshold: int) -> np.ndarray:
        rows, columns = np.nonzero(share >= threshold)
        return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])

    # Touched pixels reach the box's edges; half covered ones do not lie beyond them.
    box = np.array([x, y, x + w, y + h])
    inward = np.array([1, 1, -1, -1])
    assert ((box_of(16) - box) * inward < 0.5).all()
    assert ((box_of(128) - box) * inward > -1).all()


def test_the_target_moves_and_stays_in_the_frame() -> None:
    view = np.array([[40.0, 0, 100], [0, 40.0, 80]])  # of a frame of 200 x 160
    moved = []
    for seed in range(30):
        scene = scene_of(seed)
        boxes = np.array([scene.target_box(time, view) for time in range(0, 60, 5)])
        centres = boxes[:, :2] + boxes[:, 2:] / 2
        moved.append(np.ptp(centres, axis=0).max())
        assert (centres > -10).all()
        assert (centres < (210, 170)).all()
    assert np.median(moved) > 40


def test_distractors_and_occluders_come_when_called() -> None:
    rng = np.random.default_rng(3)
    arguments = {"half_frame": HALF_FRAME, "frames": 60}
    quiet = SceneSettings(others=0.0, carriers=0.0)
    for distractor in (False, True):
        for occluder in (False, True):
            scene = make_scene(rng, quiet, MATERIAL, distractor=distractor, occluder=occluder, **arguments)
            assert (scene.has_distractor, scene.has_occluder) == (distractor, occluder)
            assert bool(scene.behind) == distractor
            assert bool(scene.front) == occluder
    always = make_scene(rng, SceneSettings(distractors=1.0, occluders=1.0), MATERIAL, **arguments)
    assert always.has_distractor
    assert always.has_occluder


def test_occluders_hide_a_part_of_the_target() -> None:
    view = np.array([[40.0, 0, 100], [0, 40.0, 80]])
    shares = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scene = make_scene(
            rng, SceneSettings(lighting=0), MATERIAL, half_frame=HALF_FRAME, frames=60, moment=30.0, occluder=True
        )
        # Where the target changes the picture at all, with the occluder and without.
        free = replace(scene, front=())
        seen = [
            np.any(s.render(30, view, (200, 160)) != s.render(30, view, (200, 160), with_target=False), axis=2).sum()
            for s in (scene, free)
        ]
        shares.append(1 - seen[0] / seen[1])
    assert np.median(shares) > 0.2
    assert np.mean(np.array(shares) < 0.9) > 0.9


def test_real_pictures_are_used() -> None:
    patch, image = np.full((48, 48, 3), (0, 0, 255), np.uint8), np.full((60, 80, 3), (255, 0, 0), np.uint8)
    material = replace(MATERIAL, patches=[(patch, 2.0)], backgrounds=[image])
    rng = np.random.default_rng(1)
    scene = make_scene(rng, SceneSettings(real=1.0), material, half_frame=HALF_FRAME, frames=60)
    assert (scene.background == (255, 0, 0)).all()
    (part,) = scene.target.parts
    assert (part.texture == (0, 0, 255)).all()
    np.testing.assert_allclose(part.size[0] / part.size[1], 2.0)
    made_up = make_scene(rng, SceneSettings(real=0.0), material, half_frame=HALF_FRAME, frames=60)
    assert not (made_up.background == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("motion", "pixels"), [((0.5, 0.5), None), ((6.0, 0.0), 7), ((0.0, -4.0), 5), ((300.0, 0.0), 17)]
)
def test_motion_blurs_along_a_line_as_long_as_the_motion(motion: tuple[float, float], pixels: int | None) -> None:
    kernel = line_kernel(np.array(motion))
    if pixels is None:
        assert kernel is None
        return
    assert kernel is not None
    assert kernel.shape == (pixels, pixels)
    assert kernel.sum() == pytest.approx(1)
    across = kernel.sum(axis=0) if motion[0] == 0 else kernel.sum(axis=1)
    assert across.max() == pytest.approx(1)  # a line, not an area


def test_each_quality_changes_the_picture_in_its_own_way() -> None:
    rng = np.random.default_rng(0)
    picture = random_texture(rng, 64, np.array([(200.0, 40.0, 90.0), (10.0, 220.0, 130.0)]))
    np.testing.assert_array_equal(Quality().apply(picture, rng), picture)
    grey = Quality(grey=True).apply(picture, rng)
    assert (np.ptp(grey, axis=2) == 0).all()
    assert Quality(gamma=1.5).apply(picture, rng).mean() < picture.mean()
    noisy = Quality(noise=10.0).apply(picture, rng).astype(float)
    assert 3 < (noisy - picture).std() < 10
    assert abs((noisy - picture).mean()) < 2
    soft = Quality(resolution=0.3).apply(picture, rng)
    assert np.abs(np.diff(soft.astype(float), axis=1)).mean() < np.abs(np.diff(picture.astype(float), axis=1)).mean()
    assert Quality(jpeg=40).apply(picture, rng).shape == picture.shape
    np.testing.assert_array_equal(
        tinted(np.full((2, 2, 3), 100, np.uint8), np.array([0.5, 1.0, 3.0]))[0, 0], (50, 100, 255)
    )
