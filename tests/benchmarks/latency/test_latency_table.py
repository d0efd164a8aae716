"""Latency tables: their sums, their fit, their check, and files that must not be used. No figure here is earnest."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lighttrack_nas.benchmarks.latency import latency_build, latency_table, step_maker
from lighttrack_nas.benchmarks.latency.fingerprint import Fingerprint, take_fingerprint
from lighttrack_nas.benchmarks.latency.latency_build import (
    build_latency_table,
    drafts_folder,
    latency_steps,
    table_file,
)
from lighttrack_nas.benchmarks.latency.latency_correction import (
    NO_CORRECTION,
    check_predictions,
    fit_correction,
    kendall_tau,
)
from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
from lighttrack_nas.benchmarks.latency.latency_pieces import LATENCY_PARTS, Pieces, find_pieces
from lighttrack_nas.benchmarks.latency.latency_table import Check, Correction, LatencyTable
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes.program import Options

TINY = load_space("lighttrack-tiny")
SMALLEST = load_space("lighttrack-table")
CORRECTION = Correction(0.5, {"backbone": 1.1, "fusion": 1.0, "towers": 0.9}, dict.fromkeys(LATENCY_PARTS, 0.01))
CHECK = Check(10, 0.01, 0.02, 0.95, 0.01, 0.96, (1.0, 1.5))
HERE = take_fingerprint("torch", Options())


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return find_pieces(TINY)


def samples(count: int, space: Space = TINY, seed: int = 0) -> list[Architecture]:
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(count)]


def made_up(pieces: Pieces, fingerprint: Fingerprint = HERE) -> LatencyTable:
    times = {name: 0.01 * (1 + index % 7) for index, name in enumerate(pieces.pieces)}
    return LatencyTable(pieces, fingerprint, times, CORRECTION, CHECK, {"seed": 0})


@pytest.mark.parametrize("name", ["lighttrack-tiny", "lighttrack"])
def test_pieces_are_the_modules_of_the_network(name: str) -> None:
    """As many of each as the network has, on the shapes on which they work there."""
    space = load_space(name)
    found = find_pieces(space)
    for architecture in samples(5, space):
        network = build_network(architecture)
        used = found.of(architecture)
        assert len(used["backbone"]) == 1 + len(network.backbone.blocks)
        assert len(used["fusion"]) == 1
        heads = (network.cls_head, network.reg_head)
        layers = [layer for head in heads for layer in head.layers if not isinstance(layer, nn.Identity)]
        assert len(used["towers"]) == len(layers) + 2
        expected = [network.backbone.stem, *network.backbone.blocks.values()]
        for piece, module in zip(used["backbone"], expected, strict=True):
            assert repr(found.pieces[piece].module) == repr(module)


def test_every_piece_runs_and_gives_the_shape_that_it_says(pieces: Pieces) -> None:
    for name, piece in pieces.pieces.items():
        out = piece.module(*(torch.zeros(shape) for shape in piece.inputs))
        assert name.endswith(" to " + "x".join(map(str, out.shape[1:])))


def test_a_prediction_is_the_corrected_sum_of_its_pieces(pieces: Pieces) -> None:
    table = made_up(pieces)
    architectures = samples(50)
    found = table.predict(architectures)
    for architecture, value in zip(architectures, found, strict=True):
        parts = pieces.of(architecture).items()
        times = table.to_dict()["pieces_ms"]
        expected = sum(CORRECTION.factors[part] * times[name] + 0.01 for part, names in parts for name in names)
        assert value == pytest.approx(0.5 + expected)
        assert table.latency_ms(architecture) == value
        assert table.latency_ms(architecture.canonical()) == value
    assert found.dtype == float
    assert len(set(found)) > 10
    assert table.predict([]).shape == (0,)
    with pytest.raises(InputError, match="of space 'lighttrack'"):
        table.predict(samples(1, load_space("lighttrack")))


def test_the_fit_finds_a_correction_that_is_there(pieces: Pieces) -> None:
    table = made_up(pieces)
    architectures = samples(60)
    used = [pieces.of(architecture) for architecture in architectures]
    times = table.to_dict()["pieces_ms"]
    true = Correction(
        0.3, {"backbone": 1.2, "fusion": 1.0, "towers": 0.8}, {"backbone": -0.004, "fusion": 0.0, "towers": 0.002}
    )
    whole = LatencyTable(pieces, HERE, times, true, CHECK, {}).predict(architectures)
    fitted = fit_correction(used[:30], times, whole[:30])
    predicted = LatencyTable(pieces, HERE, times, fitted, CHECK, {}).predict(architectures)
    assert predicted[30:] == pytest.approx(whole[30:], rel=0.01)
    assert fitted.factors["backbone"] == pytest.approx(1.2, abs=0.1)


def test_one_network_leaves_everything_near_no_correction(pieces: Pieces) -> None:
    table = made_up(pieces)
    used = pieces.of(samples(1)[0])
    times = table.to_dict()["pieces_ms"]
    total = sum(times[name] for names in used.values() for name in names)
    fitted = fit_correction([used], times, np.array([total]))
    assert fitted.factors == pytest.approx(dict.fromkeys(LATENCY_PARTS, 1.0))
    assert (fitted.rest_ms, *fitted.extra_ms.values()) == pytest.approx((0, 0, 0, 0), abs=1e-9)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3], [10, 20, 30], 1),
        ([1, 2, 3], [30, 20, 10], -1),
        ([1, 2, 3], [10, 30, 20], 1 / 3),
        ([1, 1, 2], [1, 2, 3], 2 / (2 * 3) ** 0.5),  # a tie is no order
        ([1, 1, 1], [1, 2, 3], math.nan),
        ([1], [1], math.nan),
    ],
)
def test_kendall_tau_handles_ties_and_too_few_values(one: list[float], other: list[float], expected: float) -> None:
    found = kendall_tau(np.array(one, float), np.array(other, float))
    assert found == pytest.approx(expected, nan_ok=True)


def test_a_check_compares_predictions_with_the_least_of_all_turns() -> None:
    turns = np.array([[10.0, 11, 12, 30], [20, 20, 20, 20], [33, 30, 60, 31]])
    found = check_predictions(np.array([11.0, 20, 33]), turns, np.array([1.01, 1.5, 1.2, 1.3]))
    assert found.median_error == pytest.approx(0.1)
    assert found.p90_error == pytest.approx(0.1)
    assert (found.tau, found.repeat_tau, found.networks) == (1, 1, 3)
    assert found.repeat_error == pytest.approx(1 - 10 / 11, rel=0.1)
    assert found.slowdown == (1.01, 1.5, 1.2, 1.3)


def test_there_and_back(pieces: Pieces, tmp_path: Path) -> None:
    table = made_up(pieces)
    table.save(tmp_path / "table.json")
    again = LatencyTable.load(tmp_path / "table.json", TINY)
    assert again.to_dict() == table.to_dict()
    assert again.digest == table.digest
    architectures = samples(20)
    assert np.array_equal(again.predict(architectures), table.predict(architectures))
    assert again.check == CHECK


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"processor": "another"}, "processor 'another' and"),
        ({"cores": 999}, "cores 999 and"),
        ({"versions": {"torch": "0.1"}}, "versions torch 0.1 and torch"),
    ],
)
def test_tables_of_other_machines_are_refused(pieces: Pieces, tmp_path: Path, change: dict, words: str) -> None:
    made_up(pieces, replace(HERE, **change)).save(tmp_path / "table.json")
    with pytest.raises(InputError, match=f"not measured on what is asked for.*{words}.*latency-table"):
        LatencyTable.load(tmp_path / "table.json", TINY)


def test_tables_of_other_settings_and_spaces_are_refused(pieces: Pieces, tmp_path: Path) -> None:
    made_up(pieces).save(tmp_path / "table.json")
    with pytest.raises(InputError, match="threads 1 and 2"):
        LatencyTable.load(tmp_path / "table.json", TINY, LatencySettings(threads=2).fingerprint())
    with pytest.raises(InputError, match=r"is of space 'lighttrack-tiny' .*, not of 'lighttrack'"):
        LatencyTable.load(tmp_path / "table.json", load_space("lighttrack"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text[: len(text) // 2], "JSON"),
        (lambda text: text.replace('"rest_ms": 0.5', '"rest_ms": 0.4'), "changed or damaged"),
        (lambda text: "{}", "no latency table of this version"),
        (lambda text: "[1]", "no latency table of this version"),
        (lambda text: text.replace("table-1", "table-0"), "no latency table of this version"),
    ],
)
def test_torn_files_are_refused(pieces: Pieces, tmp_path: Path, spoil: Callable[[str], str], words: str) -> None:
    path = tmp_path / "table.json"
    made_up(pieces).save(path)
    path.write_text(spoil(path.read_text()))
    with pytest.raises(InputError, match=words):
        LatencyTable.load(path, TINY)
    with pytest.raises(InputError, match="nowhere"):
        LatencyTable.load(tmp_path / "nowhere.json", TINY)


@pytest.mark.parametrize(
    "forged",
    [
        {"space_hash": None},
        {"fingerprint": asdict(HERE) | {"threads": "1"}},
        {"check": {"networks": 3}},
        {"correction": {"rest_ms": 0.5, "factors": {}, "extra_ms": {}}},
        {"correction": {"rest_ms": "0.5", "factors": {}, "extra_ms": {}}},
        {"pieces_ms": []},
        {"pieces_ms": {"x": 1.0}},
        {"made": 1},
    ],
)
def test_a_digest_made_anew_proves_no_table(pieces: Pieces, tmp_path: Path, forged: dict[str, Any]) -> None:
    content = made_up(pieces).to_dict() | forged
    del content["digest"]
    (tmp_path / "table.json").write_text(json.dumps({"digest": latency_table._digest(content)} | content))
    with pytest.raises(InputError, match=r"table.json'.*(build it again|build one with)"):
        LatencyTable.load(tmp_path / "table.json", TINY)


@pytest.mark.slow
def test_a_build_times_every_piece_and_checks_itself() -> None:
    told: list[int] = []
    estimated: list[float] = []
    table = build_latency_table(
        SMALLEST,
        runtime="torch",
        networks=10,
        rounds=2,
        progress=lambda amount, _where: told.append(amount),
        estimated=estimated.append,
    )
    assert sum(told) == latency_steps(SMALLEST, networks=10, rounds=2)
    assert len(estimated) == 1
    assert estimated[0] > 0
    assert table.fingerprint == HERE
    assert (table.check.networks, len(table.check.slowdown)) == (10, 2)
    assert min(table.check.slowdown) >= 1
    assert all(value > 0 for value in table.to_dict()["pieces_ms"].values())
    assert json.loads(json.dumps(table.to_dict())) == table.to_dict()
    assert (table.predict(samples(5, SMALLEST)) > 0).all()


@pytest.mark.slow
def test_no_network_takes_less_than_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a busy machine's times are fitted by."""
    wrong = Correction(0.0, dict.fromkeys(LATENCY_PARTS, -1.0), dict.fromkeys(LATENCY_PARTS, 0.0))
    monkeypatch.setattr(latency_build, "fit_correction", lambda *_: wrong)
    table = build_latency_table(SMALLEST, runtime="torch", networks=10, rounds=2)
    assert table.ends[0] > 0
    assert table.correction == NO_CORRECTION
    assert table.check.networks == 10


def test_an_estimate_is_of_all_pieces_networks_and_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock on which a piece takes 1 s to make and 10 ms to run, a network 3 s and 50 ms."""
    now = 0.0
    pieces, rounds = len(find_pieces(SMALLEST).pieces), 4

    def step(making: float, running: float) -> Callable[[], object]:
        def run() -> None:
            nonlocal now
            now += running

        nonlocal now
        now += making
        return run

    class Maker(latency_build.StepMaker):
        def step(self, name: str, make: Callable[[], object]) -> Callable[[], object]:
            return step(1.0, 0.01) if name.startswith("piece") else step(3.0, 0.05)

    monkeypatch.setattr(latency_build, "perf_counter", lambda: now)
    monkeypatch.setattr(latency_build, "StepMaker", Maker)
    found = latency_build.estimate_build(SMALLEST, LatencySettings(), networks=10, rounds=rounds)
    # A turn has two calls that do not count, and six that do.
    assert found == pytest.approx(pieces * (1 + rounds * 0.08) + 20 * (3 + rounds * 0.4))


def test_the_ends_of_a_space_are_those_of_its_networks(pieces: Pieces) -> None:
    table = made_up(pieces)
    least, most = table.ends
    found = table.predict(samples(300))
    assert least <= found.min() < found.max() <= most
    assert most < 2 * found.max()


@pytest.mark.slow
def test_a_stopped_build_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was converted is opened, not converted again."""
    opened: list[Path] = []
    open_program = step_maker.open_program

    def stop_at_three(name: str, path: Path, options: Options) -> object:
        opened.append(path)
        if len(opened) % 3 == 0:
            raise KeyboardInterrupt
        return open_program(name, path, options)

    monkeypatch.setattr(step_maker, "open_program", stop_at_three)
    found = []
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            build_latency_table(SMALLEST, runtime="torch-export", networks=10, rounds=2, drafts=tmp_path)
        found.append({path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()})
    assert found[0] == found[1]
    assert set(found[0]) == {f"{path.name}.pt2" for path in opened[:3]}


def test_every_setting_has_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTTRACK_NAS_CACHE", str(tmp_path))
    fingerprints = [HERE, replace(HERE, threads=2), replace(HERE, versions={"torch": "0.1"})]
    files = {table_file(space, one) for space in (TINY, load_space("lighttrack")) for one in fingerprints}
    assert len(files) == 6
    assert table_file(TINY, HERE) == table_file(TINY, HERE)
    settings_, file = LatencySettings(), tmp_path / "table.json"
    folders = {
        drafts_folder(file, TINY, settings_, 50, 0),
        drafts_folder(file, TINY, settings_, 50, 1),
        drafts_folder(file, TINY, LatencySettings(threads=2), 50, 0),
        drafts_folder(file, load_space("lighttrack"), settings_, 50, 0),
    }
    assert len(folders) == 4
    monkeypatch.setenv("LIGHTTRACK_NAS_CACHE", "off")
    assert table_file(TINY, HERE) is None


def test_impossible_builds_are_refused() -> None:
    for settings_, words in (
        ({"networks": 9}, "networks: at least 10 expected, got 9"),
        ({"rounds": 1}, "rounds: at least 2"),
        ({"seed": -1}, "seed: at least 0"),
        ({"runtime": "tvm"}, "unknown runtime 'tvm'"),
        ({"precision": "int8"}, "needs calibration"),
    ):
        with pytest.raises(InputError, match=words):
            build_latency_table(TINY, **({"runtime": "torch"} | settings_))
