"""The report: what it gathers, what it leaves out and says, and that foreign names stay text."""

import base64
import json
import shutil
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest
from torch.utils.tensorboard import SummaryWriter

from lighttrack_nas.cli.tracker.draw_video import VideoWriter
from lighttrack_nas.report.frames import video_frames
from lighttrack_nas.report.page import Page, Section, Table, render, unpacked
from lighttrack_nas.report.run_folders import record_or_empty, run_folders
from lighttrack_nas.report.run_report import report_page, write_report
from lighttrack_nas.results.findings import findings
from lighttrack_nas.results.findings_texts import findings_cells
from lighttrack_nas.results.results import Result
from lighttrack_nas.results.runs import LATENCY_AGAIN
from lighttrack_nas.strategies.search.storage.trials import UNCOUNTED
from lighttrack_nas.trackers.base.errors import InputError
from tests.lighttrack_nas.made_studies import TINY, by_hand, digests, study

HOSTILE = "</script><b>\"'&"


class _Tags(HTMLParser):
    """Collects tags, and the text of headings and cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def keys(page: Page) -> list[str]:
    return [section.key for section in page.sections]


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """A chain's folder with everything that the report looks for."""
    folder = tmp_path / "chain"
    study(
        by_hand(), evaluator={"evaluator": "supernet"}, strategy={"name": "NSGA2", "seed": 3}, folder=folder / "search"
    )
    record = {"command": "train-supernet", "settings": {"steps": 350, "seed": 7}, "versions": {"torch": "2.11"}}
    (folder / "supernet").mkdir()
    (folder / "supernet" / "run.json").write_text(json.dumps(record))
    with SummaryWriter(str(folder / "supernet" / "tensorboard")) as log:
        for step in range(1, 6):
            log.add_scalar("loss", 1 / step, step)
            log.add_scalar("learning_rate", 0.1, step)
    (folder / "predictor").mkdir()
    predictor = {"tau": [0.7, 0.5, 0.8], "measurement": "overlap", "networks": 24}
    (folder / "predictor" / "predictor.json").write_text(json.dumps(predictor))
    (folder / "summary.json").write_text(json.dumps({"ao": {"found tracker": 0.66, "other": 0.7}, "test": "unseen"}))
    writer = VideoWriter(folder / "video" / "video.mp4", (48, 64, 3), 10)
    for shade in range(0, 250, 25):
        writer.write(np.full((48, 64, 3), shade, np.uint8))
    writer.close()
    return folder


ODD = (
    None,
    True,
    -1,
    1e308,
    "x",
    [],
    ["x", None],
    {},
    {"x": "y"},
    {"x": {"macs": "z"}},
    [[0.5]],
    [{"against": "each seed"}],
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "wrong"),
    [
        ("supernet/run.json", ("settings", "versions", "seconds_of_last_call", "seed", "steps", "machine")),
        ("predictor/predictor.json", ("tau", "measurement", "networks")),
        ("summary.json", ("ao", "costs", "test")),
        ("ranking/rank_correlation.json", ("correlations",)),
    ],
)
def test_a_damaged_record_stops_no_page(chain: Path, file: str, wrong: tuple[str, ...]) -> None:
    (chain / "ranking").mkdir()
    shutil.rmtree(chain / "video")
    shutil.rmtree(chain / "supernet" / "tensorboard")
    for value in ODD:
        (chain / file).write_text(json.dumps(dict.fromkeys(wrong, value)))
        assert report_page(run_folders([chain])).sections
    (chain / file).write_text("[" * 100_000)
    assert report_page(run_folders([chain])).sections


def test_a_chain_is_shown_whole(chain: Path) -> None:
    page = report_page(run_folders([chain]))
    assert keys(page) == ["run", "front", "training", "tracker", "trust", "findings", "elsewhere", "versions"]
    assert page.missing == []
    shown = {section.key: section for section in page.sections}
    facts = {row[0]: row[1] for row in shown["run"].tables[0][1].rows}
    assert facts["strategy"] == "NSGA2, seed 3"
    assert facts["objectives"] == "maximize ao, minimize macs"
    assert facts["front"] == "3 networks"
    assert facts["hypervolume"].endswith("(ao x macs), up to ao 0.5000, macs 40M")
    steps = {row[0]: row for row in shown["run"].tables[1][1].rows}
    assert steps["supernet"][2:5] == ["350 steps", "", "7"]
    assert "Kendall's tau 0.70 (0.50 to 0.80), from 24 networks" in shown["trust"].sentences[0]
    assert [row[:2] for row in shown["tracker"].tables[0][1].rows] == [["other", "0.700"], ["found tracker", "0.660"]]
    assert len(shown["tracker"].pictures) == 4
    assert all(picture.source.startswith("data:image/jpeg;base64,") for picture in shown["tracker"].pictures)
    (curve,) = page.data["curves"]
    assert curve["title"] == "chain, supernet"
    (line,) = curve["lines"]
    assert line["steps"] == [1, 2, 3, 4, 5]
    assert line["values"] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])


def test_the_page_holds_every_network_with_costs_and_commands(chain: Path, tmp_path: Path) -> None:
    file = write_report([chain], tmp_path / "out")
    text = file.read_text()
    networks = unpacked(text)["networks"]
    assert [network["front"] for network in networks] == [True, True, True, False]
    for network in networks:
        assert TINY.from_json(network["json"])
        assert sum(part["macs"] for part in network["parts"]) > 1e6
        assert f"retrain.architecture={network['id']}.json" in network["commands"]["retrain"]
        assert str(chain / "retrain" / "model.safetensors") in network["commands"]["track"]
    assert not {"link", "iframe"} & set(_Tags(text).tags)
    assert '<img src="http' not in text
    assert write_report([chain], tmp_path / "again").read_text() == text.replace(str(tmp_path / "out"), "")


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    study(by_hand(), evaluator={"evaluator": "supernet"}, folder=folder / "search")
    (folder / "retrain").mkdir()
    (folder / "retrain" / "run.json").write_text("{}")
    page = report_page(run_folders([folder]))
    assert keys(page) == ["run", "front", "findings", "elsewhere"]
    assert page.missing[0].startswith("Nothing here says how well the supernet ranks networks")
    assert page.missing[1].startswith("No frames of the found tracker: lighttrack-nas track ")
    assert page.missing[2] == "No training left its curves."
    (folder / "search" / "journal.log").unlink()
    page = report_page(run_folders([folder]))
    assert keys(page) == ["run"]
    assert "No journal of a search is here, and so no front." in page.missing
    assert unpacked(render(page))["networks"] == []


def test_a_front_that_breaks_its_limits_is_called_so(tmp_path: Path) -> None:
    study(by_hand(), constraints=["macs <= 5M"], folder=tmp_path / "run")
    page = report_page(run_folders([tmp_path / "run"]))
    assert page.title == "lighttrack-tiny: none of 4 networks keeps macs <= 5M"
    assert page.warnings == ["No network found keeps macs <= 5M; the nearest has macs 10M, 2 times the limit."]
    facts = {row[0]: row[1] for row in page.sections[0].tables[0][1].rows}
    assert facts["front"] == "1 network, outside the limits: no network keeps them"
    assert "hypervolume" not in facts
    assert page.data["runs"][0]["keeps"] is False
    assert "breaks its limits: macs 10M, 2 times the limit" in page.data["networks"][0]["about"]


def test_searches_stand_beside_each_other(tmp_path: Path) -> None:
    for seed in (0, 1):
        study(by_hand(), strategy={"name": "NSGA2", "seed": seed}, folder=tmp_path / f"seed{seed}")
    page = report_page(run_folders([tmp_path / "seed0", tmp_path / "seed1"]))
    assert keys(page)[:3] == ["run", "beside", "front"]
    front = next(section for section in page.sections if section.key == "front").tables[0][1]
    assert front.header[:2] == ["network", "run"]
    assert {row[1] for row in front.rows} == {"seed0", "seed1"}
    assert {network["run"] for network in page.data["networks"]} == {"seed0", "seed1"}
    (group,) = page.data["attainment"]["groups"]
    assert group["runs"] == 2
    assert {run["legend"] for run in page.data["runs"]} == {"NSGA2, 2 runs"}


def test_a_comparison_is_shown_as_it_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "compare"
    folder.mkdir()
    record = {"command": "compare", "trials": 50, "objectives": ["maximize ao"], "constraints": []}
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "summary.csv").write_text("strategy,seeds,hypervolume\nrandom,6,0.91234567\n")
    (folder / "effects.csv").write_text("first,second,a12\nrandom,nsga2,\n")
    (folder / "evaluations.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    page = report_page(run_folders([folder]))
    assert keys(page) == ["comparison"]
    (section,) = page.sections
    assert section.tables[0][1].rows == [["random", "6", "0.9123"]]
    assert section.folded[0][1].rows == [["random", "nsga2", ""]]
    assert section.pictures[0].source.startswith("data:image/svg+xml;base64,")


def test_three_objectives_have_pairs_and_parallel_coordinates(tmp_path: Path) -> None:
    study(by_hand(), objectives=["ao", "macs", "params"], folder=tmp_path / "run")
    assert keys(report_page(run_folders([tmp_path / "run"])))[1:4] == ["front", "pairs", "parallel"]


def test_foreign_names_stay_text(tmp_path: Path) -> None:
    table = Table((HOSTILE,), [(HOSTILE,)])
    section = Section(HOSTILE, HOSTILE, [HOSTILE], tables=[(HOSTILE, table)], folded=[(HOSTILE, table)])
    text = render(Page(HOSTILE, HOSTILE, [HOSTILE], [section], {"name": HOSTILE}, [HOSTILE], HOSTILE))
    read = _Tags(text)
    assert "b" not in read.tags
    assert read.texts.count(HOSTILE) >= 9
    assert unpacked(text) == {"name": HOSTILE}
    folder = tmp_path / "<b>run"
    study(by_hand(), strategy={"name": HOSTILE}, folder=folder)
    text = write_report([folder], tmp_path / "out").read_text()
    assert "b" not in _Tags(text).tags


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "is no folder: expected that of a chain"),
        (lambda folder: folder.mkdir(), "holds nothing to report"),
        (lambda folder: folder.write_text("a file"), "is no folder"),
    ],
)
def test_what_is_no_run_is_refused(make: object, said: str, tmp_path: Path) -> None:
    make(tmp_path / "run")
    with pytest.raises(InputError, match=said):
        write_report([tmp_path / "run"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="given twice"):
        write_report([tmp_path, tmp_path], tmp_path / "out")


def test_damaged_files_beside_a_search_leave_their_part_out(chain: Path) -> None:
    (chain / "predictor" / "predictor.json").write_text("{")
    (chain / "summary.json").write_text("[1]")
    (chain / "video" / "video.mp4").write_bytes(b"no video")
    (chain / "supernet" / "supernet.safetensors").write_bytes(b"nothing")
    page = report_page(run_folders([chain]))
    assert keys(page) == ["run", "front", "training", "findings", "elsewhere", "versions"]


def test_half_a_character_is_no_record(tmp_path: Path) -> None:
    # No page can be written that holds one.
    (tmp_path / "x.json").write_text(json.dumps({"penalty_k": "\ud800"}))
    assert record_or_empty(tmp_path / "x.json") == {}


def test_frames_are_small(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "video.mp4", (720, 1280, 3), 10)
    for _ in range(6):
        writer.write(np.zeros((720, 1280, 3), np.uint8))
    writer.close()
    frames = video_frames(tmp_path / "video.mp4")
    pixels = cv2.imdecode(np.frombuffer(base64.b64decode(frames[0].source.partition(",")[2]), np.uint8), 1)
    assert pixels.shape == (270, 480, 3)
    assert [frame.text.split(", ")[1] for frame in frames] == ["frame 1", "frame 3", "frame 4", "frame 6"]


def test_without_a_video_the_found_model_is_shown_at_work(chain: Path) -> None:
    (chain / "video" / "video.mp4").unlink()
    shipped = resources.files("lighttrack_nas.pretrained").joinpath("lighttrack-tiny-generated.safetensors")
    (chain / "retrain").mkdir()
    (chain / "retrain" / "model.safetensors").write_bytes(shipped.read_bytes())
    sequence = chain / "generated" / "val" / "one"
    sequence.mkdir(parents=True)
    texture = np.random.default_rng(0).integers(100, 256, (24, 32, 3), np.uint8)
    for index in range(5):
        frame = np.full((120, 160, 3), 40, np.uint8)
        frame[40:64, 60 + 2 * index : 92 + 2 * index] = texture
        cv2.imwrite(str(sequence / f"{index + 1:08d}.jpg"), frame)
    (sequence / "groundtruth.txt").write_text("".join(f"{60 + 2 * i},40,32,24\n" for i in range(5)))
    page = report_page(run_folders([chain]))
    (pictures,) = [section.pictures for section in page.sections if section.key == "tracker"]
    assert [picture.text.partition(":")[0] for picture in pictures] == [f"val/one, frame {n}" for n in (1, 2, 4, 5)]


def test_searches_that_have_only_begun_are_shown(tmp_path: Path) -> None:
    study(by_hand(), folder=tmp_path / "done")
    for name in ("begun", "begun too"):
        study([], folder=tmp_path / name)
    networks = unpacked(write_report([tmp_path / "done", tmp_path / "begun"], tmp_path / "out").read_text())["networks"]
    assert all(network["parts"] for network in networks)
    page = report_page(run_folders([tmp_path / "begun", tmp_path / "begun too"]))
    assert page.data["networks"] == []
    assert "Run 'begun': no network has been measured yet." in page.warnings


@pytest.mark.parametrize("names", [("done", "begun"), ("begun", "done")])
def test_a_search_that_has_only_begun_has_no_say_in_the_axes(names: tuple[str, str], tmp_path: Path) -> None:
    goals = ["maximize ao", "minimize latency_ms"]
    trials = [(network, measured | {"latency_ms": 9.0 + i}) for i, (network, measured, *_) in enumerate(by_hand())]
    study(trials, objectives=goals, folder=tmp_path / "done")
    study([], objectives=goals, folder=tmp_path / "begun")
    page = report_page(run_folders([tmp_path / name for name in names]))
    assert (page.data["x"], page.data["y"]) == ("macs", "ao")
    assert "macs" in {column["name"] for column in page.data["columns"]}


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """A chain with two searches of one supernet, one of them with a name."""
    folder = tmp_path / "chain"
    for place in ("search", "search-small"):
        study(by_hand(), evaluator={"evaluator": "supernet"}, folder=folder / place)
    for place in ("supernet", "retrain", "retrain-small", "tuning-small"):
        (folder / place).mkdir()
        (folder / place / "run.json").write_text("{}")
    (folder / "tuning-small" / "hyper_parameters.json").write_text('{"penalty_k": 0.1}')
    return folder


def steps(page: Page) -> list[str]:
    """The names of all steps that a page shows."""
    shown = next(section for section in page.sections if section.key == "run").tables
    return [row[0] for title, table in shown if title.startswith("Steps of the chain") for row in table.rows]


def test_a_chain_shows_all_its_searches(named: Path) -> None:
    page = report_page(run_folders([named]))
    assert [run["name"] for run in page.data["runs"]] == ["chain", "search-small"]
    assert steps(page) == ["supernet", "search", "search-small", "retrain", "retrain-small", "tuning-small"]
    commands = {network["run"]: network["commands"] for network in page.data["networks"]}
    assert "search.name" not in commands["chain"]["retrain"]
    assert f"track {named}/retrain/model.safetensors " in commands["chain"]["track"]
    assert "CHAIN.yaml --set search.name=small --set retrain.architecture=" in commands["search-small"]["tune"]
    assert f"track {named}/retrain-small/model.safetensors " in commands["search-small"]["track"]
    (tables,) = [section.tables for section in page.sections if section.key == "tracker"]
    assert [title for title, _ in tables] == ["Tuned hyper-parameters (tuning-small)"]
    (named / "search" / "journal.log").unlink()
    assert [run["name"] for run in report_page(run_folders([named])).data["runs"]] == ["search-small"]


def test_a_search_of_a_chain_shows_what_it_builds_on_and_what_was_made_of_it(named: Path) -> None:
    page = report_page(run_folders([named / "search-small"]))
    assert steps(page) == ["supernet", "search-small", "retrain-small", "tuning-small"]
    commands = page.data["networks"][0]["commands"]
    assert "--set search.name=small" in commands["retrain"]
    assert f"track {named}/retrain-small/model.safetensors " in commands["track"]
    assert len(steps(report_page(run_folders([named / "search", named / "search-small"])))) == 6
    with pytest.raises(InputError, match="a search was given twice"):
        run_folders([named, named / "search"])


def test_latencies_that_were_judged_do_not_speak_for_the_supernet(tmp_path: Path) -> None:
    trials = [(network, measured | {"latency_ms": 9.0 + i}) for i, (network, measured, *_) in enumerate(by_hand())]
    made = study(trials, objectives=["ao", "latency_ms"], evaluator={"evaluator": "supernet"}, folder=tmp_path / "run")
    made.set_user_attr(LATENCY_AGAIN, {digest: 9.0 for digest in digests(trials, 0, 1, 2, 3)})
    made.set_user_attr(UNCOUNTED, ["aten::fft"])
    page = report_page(run_folders([tmp_path / "run"]))
    assert "trust" in keys(page)
    assert "Nothing here says how well the supernet ranks networks: rank-correlation measures it." in page.missing
    assert page.warnings == ["Macs leave out what fvcore cannot count: aten::fft."]


def test_limits_of_one_run_are_not_drawn_for_all(tmp_path: Path) -> None:
    study(by_hand(), constraints=["macs <= 30M", "ao >= 0.1"], folder=tmp_path / "a")
    study(by_hand(), constraints=["ao >= 0.1"], folder=tmp_path / "b")
    page = report_page(run_folders([tmp_path / "a", tmp_path / "b"]))
    assert [limit["text"] for limit in page.data["limits"]] == ["ao >= 0.1"]
    (warning,) = page.warnings
    assert warning.startswith("The runs have different limits (a: macs <= 30M, ao >= 0.1; b: ao >= 0.1)")


def test_findings_stand_as_the_command_prints_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        study(by_hand(), folder=tmp_path / name)
    for folders in ([tmp_path / "a"], [tmp_path / "a", tmp_path / "b"]):
        page = report_page(run_folders(folders))
        section = next(section for section in page.sections if section.key == "findings")
        table = section.folded[0][1]
        assert table.rows == findings_cells(findings(Result.load(tmp_path / "a").front()))
        cells = [cell for row in table.rows for cell in row]
        assert "too few" in cells
        assert "nan" not in cells
        assert any(sentence.startswith("p: how often uniform draws") for sentence in section.sentences)
        assert not any("nothing is decided" in sentence for sentence in section.sentences)


def test_a_folder_called_search_may_stand_alone(tmp_path: Path) -> None:
    study(by_hand(), folder=tmp_path / "search")
    page = report_page(run_folders([tmp_path / "search"]))
    assert steps(page) == []
    assert page.data["networks"][0]["commands"]["track"].startswith("lighttrack-nas track OUTPUT/retrain/")
