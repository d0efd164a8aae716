"""Comparisons on a chain's supernet, in one process: what their runs share, and what they go on from."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.latency.fingerprint import take_fingerprint
from lighttrack_nas.benchmarks.latency.latency_pieces import LATENCY_PARTS, find_pieces
from lighttrack_nas.benchmarks.latency.latency_table import Check, Correction, LatencyTable
from lighttrack_nas.comparisons import comparing
from lighttrack_nas.strategies.search.storage.journal import DamagedJournalError
from lighttrack_nas.strategies.search.storage.trials import REFERENCE_SECONDS
from lighttrack_nas.trackers.runtimes.program import Options

SPACE = ltn.load_space("lighttrack-tiny")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, write_sequences: Callable[[Path], Path]) -> Path:
    """A chain with a supernet, of whose networks the comparisons here ask costs alone."""
    folder = tmp_path_factory.mktemp("chain")
    ltn.save_supernet(ltn.Supernet(SPACE), folder / "supernet.safetensors")
    content = {
        "output": str(folder / "run"),
        "threads": 1,
        "validation": {"path": str(write_sequences(folder / "sequences"))},
        "data": {"sources": [{"kind": "sequences", "path": str(folder / "sequences")}]},
        "supernet": {"path": str(folder / "supernet.safetensors")},
    }
    path = folder / "chain.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def compared(
    chain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Sequence[str]], tuple[ltn.Comparison, list[str]]]:
    """Compares by some objectives, a worker after the other in this process; gives what was said too."""

    def in_turn(start: Callable[[], Any], tasks: Sequence[Any], workers: int) -> Iterator[tuple[Any, Any]]:
        for task in tasks:
            yield task, pickle.loads(pickle.dumps(start))()(task)  # noqa: S301 - ours

    monkeypatch.setattr(comparing, "in_processes", in_turn)

    def compare(objectives: Sequence[str]) -> tuple[ltn.Comparison, list[str]]:
        content = {
            "chain": str(chain),
            "strategies": {"random": "random"},
            "seeds": 2,
            "trials": 4,
            "objectives": list(objectives),
            "output": str(tmp_path / "out"),
        }
        (tmp_path / "compare.yaml").write_text(yaml.safe_dump(content))
        said: list[str] = []
        return ltn.compare(ltn.load_comparison(tmp_path / "compare.yaml"), said.append), said

    return compare


def latency_table(rest_ms: float) -> LatencyTable:
    pieces = find_pieces(SPACE)
    correction = Correction(rest_ms, dict.fromkeys(LATENCY_PARTS, 1.0), dict.fromkeys(LATENCY_PARTS, 0.01))
    check = Check(10, 0.01, 0.02, 0.95, 0.01, 0.96, (1.0, 1.5))
    here = take_fingerprint("torch", Options())
    return LatencyTable(pieces, here, dict.fromkeys(pieces.pieces, 0.01), correction, check, {})


@pytest.mark.slow
def test_all_runs_of_a_comparison_have_the_latencies_of_one_table(
    compared: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[LatencyTable] = []

    def search_latency(*_: Any) -> LatencyTable:
        """A table that is built anew whenever one is asked for."""
        found.append(latency_table(1.0 + len(found)))
        return found[-1]

    monkeypatch.setattr(comparing, "search_latency", search_latency)
    comparison, _ = compared(["latency_ms", "macs"])
    assert len(found) == 1
    # All choices at once are one network's, so that any row tells whose latencies they are.
    for row in comparison.raw.itertuples():
        architecture = SPACE.architecture(dict(zip(SPACE.labels, row.choices.split(" "), strict=True)))
        assert row.latency_ms == found[0].latency_ms(architecture)
    (tmp_path / "out/runs/random/001.csv").unlink()
    with pytest.raises(ltn.InputError, match=r"holds results of another run: latency.table was .* and is now"):
        compared(["latency_ms", "macs"])


def test_what_the_reference_network_takes_is_no_overhead_of_the_strategy() -> None:
    begun = datetime(2026, 1, 1)
    trial = optuna.trial.create_trial(value=0.0, user_attrs={"seconds": 6.0, REFERENCE_SECONDS: 3.0})
    trial.datetime_start, trial.datetime_complete = begun, begun + timedelta(seconds=10)
    assert comparing._overhead(trial) == 1.0


def test_a_journal_that_is_damaged_while_its_run_goes_on_is_no_matter_of_searches(
    compared: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_search = comparing.run_search

    def damaging(*given: Any, storage: Path, **settings: Any) -> None:
        run_search(*given, storage=storage, **settings)
        raise DamagedJournalError(storage, 9, 0, "nonsense")

    monkeypatch.setattr(comparing, "run_search", damaging)
    with pytest.raises(ltn.InputError, match=r"'random', seed 0: journal '.*000.log' is damaged at line") as caught:
        compared(["macs", "params"])
    assert "the same comparison keeps it aside, and goes on" in str(caught.value)
    assert "--repair" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "goes_on"),
    [
        (lambda lines: [*lines[:-3], b"{\n", *lines[-3:]], "goes on from the lines before the damage"),
        (lambda lines: [b"{\n", *lines], "begins anew"),
        (lambda lines: [b'{"op_code":nonsense}\n', *lines], "begins anew"),
    ],
    ids=["in the middle", "no journal", "first line"],
)
def test_a_damaged_journal_of_a_run_is_kept_and_the_run_done(
    compared: Callable[..., Any], damage: Callable[[list[bytes]], list[bytes]], goes_on: str, tmp_path: Path
) -> None:
    before, _ = compared(["macs", "params"])
    run = tmp_path / "out/runs/random"
    (run / "001.csv").unlink()
    journal = run / "001.log"
    damaged = b"".join(damage(journal.read_bytes().splitlines(keepends=True)))
    journal.write_bytes(damaged)
    after, said = compared(["macs", "params"])
    copy = run / "001.log.damaged-1"
    assert f"journal '{journal}' is damaged, and kept as '{copy}'; the run {goes_on}" in said
    assert copy.read_bytes() == damaged
    assert after.raw["choices"].tolist() == before.raw["choices"].tolist()
    (run / "001.csv").unlink()
    assert not any("damaged" in sentence for sentence in compared(["macs", "params"])[1])
