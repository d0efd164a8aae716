"""Supernets that start from another space's, by Python, by the command, and in a training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import lighttrack_nas as ltn
from lighttrack_nas.chain.chain import run_supernet
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.models.architecture_files import find_architecture
from lighttrack_nas.models.migration import compare_supernets
from lighttrack_nas.models.migration_report import OUTCOMES
from lighttrack_nas.search_spaces.loading.architecture_translation import fit_architecture, other_sizes
from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.weights.weights import read_header

TABLE = "lighttrack-table"
OPERATIONS = {
    **{f"k{k}e{e}": {"kind": "mbconv", "kernel": k, "expansion": e} for k in (3, 5, 7, 9) for e in (2, 4)},
}


class Noise:
    """Pairs of noise, for the table's sizes."""

    def pair(self, rng: np.random.Generator) -> Pair:
        template, search = (rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in (48, 96))
        return Pair(template, search, np.array([30, 30, 32, 32], np.float32), True)


def space_of(name: str, **changes: Any) -> ltn.Space:
    content = ltn.load_space(TABLE).description.model_dump(mode="json")
    return parse_space(content | {"name": name} | changes, name)


def content_of(name: str) -> dict[str, Any]:
    return ltn.load_space(name).description.model_dump(mode="json")


def filled(space: ltn.Space, seed: int = 0) -> ltn.Supernet:
    """A supernet with statistics that are not those of a fresh one."""
    torch.manual_seed(seed)
    supernet = ltn.Supernet(space).eval()
    for name, buffer in supernet.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
        else:
            buffer.fill_(7)
    return supernet


def outputs(supernet: ltn.Supernet, architecture: ltn.Architecture) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    sizes = supernet.space.description
    template, search = (
        torch.randn(1, 3, side, side, generator=generator) for side in (sizes.template_size, sizes.search_sizes[0])
    )
    supernet.pin(architecture)
    with torch.no_grad():
        return torch.cat([values.flatten() for values in supernet(template, search)])


@pytest.fixture(scope="module")
def table() -> ltn.Space:
    return ltn.load_space(TABLE)


@pytest.fixture(scope="module")
def larger() -> ltn.Space:
    """The table with a new kernel, another name for k5e4, a deeper and wider tower."""
    content = content_of(TABLE)
    operations = {"big" if name == "k5e4" else name: value for name, value in content["operations"].items()}
    towers = content["towers"]
    towers["cls"] = {"widths": [32, 48, 64], "layers": [*towers["cls"]["layers"], {"operations": ["k5", "skip"]}]}
    stages = content["stages"]
    stages[1]["operations"] = ["k9e2", "k3e2", "big"]
    stages[3]["operations"] = ["big", "k3e2"]
    return space_of(
        "larger",
        operations=operations | {"k9e2": {"kind": "mbconv", "kernel": 9, "expansion": 2}},
        stages=stages,
        towers=towers,
        outputs=["stage1", "stage2", "stage3"],
    )


@pytest.fixture(scope="module")
def source(table: ltn.Space) -> ltn.Supernet:
    return filled(table)


@pytest.fixture(scope="module")
def trained(table: ltn.Space, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    ltn.train_supernet(table, Noise(), settings=quick(), output=folder)
    return folder


def quick(**changes: object) -> ltn.TrainingSettings:
    given_ = {"steps": 2, "batch_size": 2, "workers": 0, "warmup_steps": 0, "checkpoint_steps": 1}
    return ltn.TrainingSettings(**(given_ | changes))


def test_a_space_takes_all_of_itself(table: ltn.Space, source: ltn.Supernet) -> None:
    supernet, report = ltn.migrate_supernet(source, table, seed=3)
    own, other = supernet.state_dict(), source.state_dict()
    assert own.keys() == other.keys()
    assert all(torch.equal(own[key], other[key]) for key in own)
    # A copy: nothing is shared.
    assert not {t.data_ptr() for t in own.values()} & {t.data_ptr() for t in other.values()}
    assert report.share == 1
    assert report.total["taken"].tensors == len(own)
    assert report.total["taken"].parameters == sum(p.numel() for p in source.parameters())
    assert not supernet.training


def test_a_larger_space_starts_with_the_same_networks(
    table: ltn.Space, larger: ltn.Space, source: ltn.Supernet
) -> None:
    state = torch.random.get_rng_state()
    supernet, report = ltn.migrate_supernet(source, larger)
    assert torch.equal(torch.random.get_rng_state(), state)
    for seed in range(4):
        architecture = table.sample(np.random.default_rng(seed))
        assert torch.equal(outputs(supernet, fit_architecture(architecture, larger)), outputs(source, architecture))
    assert report.total["left_behind"].tensors == report.total["shape_differs"].tensors == 0
    assert report.renamed == {"big": "k5e4"}
    new = {row.label: row.new for row in report.labels if row.new}
    assert new["stage1-block0"] == ("k9e2",)
    assert new["stage3-block0"] == ("k3e2",)
    assert new["cls-layer0"] == ("width 48",)
    # And back: the smaller space is what it was.
    smaller, back = ltn.migrate_supernet(supernet, table)
    assert all(
        torch.equal(a, b) for a, b in zip(smaller.state_dict().values(), source.state_dict().values(), strict=True)
    )
    assert back.share == 1
    assert back.total["left_behind"].tensors == report.total["fresh"].tensors


def test_fresh_weights_follow_the_seed(larger: ltn.Space, source: ltn.Supernet) -> None:
    first, again, other = (ltn.migrate_supernet(source, larger, seed=seed)[0].state_dict() for seed in (0, 0, 1))
    key = "model_space.network.backbone.blocks.stage1-block0.k9e2.depthwise.weight"
    assert torch.equal(first[key], again[key])
    assert not torch.equal(first[key], other[key])


def test_layers_of_other_shapes_are_drawn_afresh_whole(table: ltn.Space, source: ltn.Supernet) -> None:
    stages = content_of(TABLE)["stages"]
    stages[1]["channels"] = 32
    wider = space_of("wider", stages=stages)
    supernet, report = ltn.migrate_supernet(source, wider)
    block = "network.backbone.blocks.stage1-block0.k3e2"
    shapes = {d.key: (d.shape, d.source_shape) for d in report.differences}
    assert shapes[f"{block}.project.weight"] == ((32, 32, 1, 1), (24, 32, 1, 1))
    assert f"{block}.expand.weight" not in shapes
    # The counter agrees in shape, but belongs to a norm that does not.
    assert f"{block}.project_norm.num_batches_tracked" not in report.taken
    state = supernet.model_space.state_dict()
    assert int(state[f"{block}.project_norm.num_batches_tracked"]) == 0
    assert int(state[f"{block}.expand_norm.num_batches_tracked"]) == 7
    architecture = table.sample(np.random.default_rng(0))
    assert other_sizes(table, wider) == ("stages.stage1",)
    assert torch.isfinite(outputs(supernet, fit_architecture(architecture, wider))).all()


@st.composite
def variants(draw: st.DrawFn) -> ltn.Space:
    """The table's space with other candidates, names, widths, depths, outputs and, at times, channels."""
    content = content_of(TABLE)
    prefix = draw(st.sampled_from(["", "op-"]))
    names = st.lists(st.sampled_from(sorted(OPERATIONS)), min_size=1, max_size=8, unique=True)
    content["operations"] = {
        **{prefix + name: value for name, value in OPERATIONS.items()},
        **{name: content["operations"][name] for name in ("separable3", "k3", "k5", "skip")},
    }
    for stage in content["stages"][1:]:
        stage["operations"] = [prefix + name for name in draw(names)]
        stage["channels"] += draw(st.sampled_from([0, 0, 0, 8]))
    content["stages"][3]["blocks"] = draw(st.integers(1, 2))
    content["outputs"] = draw(st.sampled_from([["stage2"], ["stage3"], ["stage1", "stage2", "stage3"]]))
    for branch in ("cls", "reg"):
        widths = st.lists(st.sampled_from([32, 48, 64]), min_size=1, max_size=3, unique=True)
        layers = [{"operations": ["k3"]}, {"operations": ["skip", "k5", "k3"], "repeat": draw(st.integers(1, 3))}]
        content["towers"][branch] = {"widths": draw(widths), "layers": layers}
    return parse_space(content | {"name": draw(st.sampled_from(["a", "b"]))}, "variant")


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(one=variants(), other=variants(), seed=st.integers(0, 100))
def test_what_fits_both_spaces_gives_the_same_outputs(one: ltn.Space, other: ltn.Space, seed: int) -> None:
    source = filled(one)
    supernet, report = ltn.migrate_supernet(source, other)
    total = report.total
    wanted, had = (len(s.model_space.state_dict()) for s in (supernet, source))
    assert sum(total[name].tensors for name in ("taken", "fresh", "shape_differs")) == wanted
    assert sum(total[name].tensors for name in ("taken", "left_behind", "shape_differs")) == had
    parameters = sum(p.numel() for p in supernet.parameters())
    assert sum(total[name].parameters for name in ("taken", "fresh", "shape_differs")) == parameters
    assert report.share == total["taken"].parameters / parameters
    own, theirs = supernet.model_space.state_dict(), source.model_space.state_dict()
    assert all(torch.equal(own[key], theirs[key_there]) for key, key_there in report.taken.items())
    if other_sizes(one, other):
        return
    for number in range(8):
        architecture = other.sample(np.random.default_rng([seed, number]))
        try:
            there = fit_architecture(architecture, one)
        except ltn.InputError:
            continue
        assert torch.equal(outputs(supernet, architecture), outputs(source, there))
        assert fit_architecture(there, other).canonical() == architecture.canonical()


def test_tiny_starts_a_variant_by_extends(tmp_path: Path) -> None:
    path = tmp_path / "variant.yaml"
    path.write_text("extends: lighttrack-tiny\noutputs: [stage1-block1, stage2]\n")
    tiny, space = ltn.load_space("lighttrack-tiny"), ltn.load_space(path)
    source = filled(tiny)
    supernet, report = ltn.migrate_supernet(source, space)
    counts = {row.label: row.counts for row in report.labels}
    assert counts["256 kernels"]["fresh"].tensors == 6
    assert counts["stage3-block1"]["left_behind"].tensors == 132
    architecture = tiny.architecture(dict(tiny.sample(np.random.default_rng(2)).choices) | {"output": "stage2-block1"})
    assert torch.equal(outputs(supernet, fit_architecture(architecture, space)), outputs(source, architecture))


def test_the_report_is_read_by_people_and_machines(table: ltn.Space, larger: ltn.Space) -> None:
    report = compare_supernets(larger, table)
    content = json.loads(report.to_json())
    assert content["source"] == {"space": "larger", "space_hash": larger.hash}
    assert content["target"] == {"space": TABLE, "space_hash": table.hash}
    assert content["total"] == report.summary()
    assert content["renamed"] == {"k5e4": "big"}
    for name in OUTCOMES:
        for what in ("tensors", "parameters"):
            assert sum(row[name][what] for row in content["labels"]) == content["total"][name][what]
    rows = {row["label"]: row for row in content["labels"]}
    assert rows["stage1-block0"]["gone"] == ["k9e2"]
    assert rows["cls-layer3"]["share"] is None
    text = str(report)
    assert "100.0% of the parameters are taken" in text
    assert "other names: k5e4 was big" in text
    lines = {line.split()[1]: line for line in text.splitlines() if line.startswith(("cls", "backbone"))}
    assert lines["stage1-block0"].endswith("gone: k9e2")
    assert lines["cls-layer3"].endswith("a place that is gone")
    # Every line of the table has the taken column at one place.
    assert "-" in lines["cls-layer3"]
    stages = content_of(TABLE)["stages"]
    stages[2]["channels"] = 48
    said = str(compare_supernets(table, space_of("wider", stages=stages)))
    assert "other shapes:" in said
    assert "48 x 48 x 1 x 1, was 40 x 48 x 1 x 1" in said
    assert " more\n" not in said.partition("other shapes:")[0]


def apart() -> ltn.Space:
    """A space that has not a tensor in common with the table."""
    content = content_of(TABLE)
    content["stem"]["kernel"] = 5
    content["template_size"] = 64
    content["search_sizes"] = [128]
    for number, stage in enumerate(content["stages"]):
        stage["name"] = f"part{number}"
        stage["channels"] += 8
    content["stem"]["channels"] = 24
    content["outputs"] = ["part2"]
    for branch in ("cls", "reg"):
        content["towers"][branch]["widths"] = [40, 56]
    return parse_space(content | {"name": "apart"}, "apart")


def test_spaces_without_anything_in_common_are_refused(source: ltn.Supernet) -> None:
    with pytest.raises(ltn.InputError, match=r"no tensor of space 'lighttrack-table' .* fits space 'apart'"):
        ltn.migrate_supernet(source, apart())


def torn(folder: Path, trained: Path) -> Path:
    content = (trained / "supernet.safetensors").read_bytes()
    (folder / "torn.safetensors").write_bytes(content[: len(content) // 2])
    return folder / "torn.safetensors"


def test_what_is_no_supernet_is_refused(table: ltn.Space, trained: Path, tmp_path: Path) -> None:
    architecture = table.sample(np.random.default_rng(0))
    ltn.save_model(ltn.build_network(architecture), architecture, tmp_path / "model.safetensors")
    for path, message in (
        (tmp_path / "none", "none' does not exist"),
        (tmp_path, r"supernet.safetensors' does not exist"),
        (torn(tmp_path, trained), "is no whole safetensors file"),
        (tmp_path / "model.safetensors", "holds no supernet, but one network"),
    ):
        with pytest.raises(ltn.InputError, match=message):
            ltn.migrate_supernet(path, table)
        with pytest.raises(ltn.InputError, match=message):
            ltn.train_supernet(table, Noise(), settings=quick(), output=tmp_path / "run", start_from=path)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_command_writes_a_supernet_s_folder(
    run: Callable[..., Any], trained: Path, larger: ltn.Space, tmp_path: Path
) -> None:
    (tmp_path / "larger.yaml").write_text(yaml.safe_dump(larger.description.model_dump(mode="json")))
    done = run("migrate", trained, "larger.yaml", "--output", "migrated", "--seed", 4)
    assert done.code == 0, done.err
    folder = tmp_path / "migrated"
    assert "of the parameters are taken" in done.out
    assert done.out.strip().endswith("migrated/supernet.safetensors")
    assert (folder / "migration.txt").read_text() in done.out
    expected, report = ltn.migrate_supernet(trained, larger, seed=4)
    assert json.loads((folder / "migration.json").read_text()) == report.to_dict() | {
        "differences": [d._asdict() for d in report.differences]
    }
    found = ltn.load_supernet(folder / "supernet.safetensors", larger)
    assert all(
        torch.equal(a, b) for a, b in zip(found.state_dict().values(), expected.state_dict().values(), strict=True)
    )
    record = json.loads((folder / "run.json").read_text())
    assert record["start_from"]["path"] == str(trained)
    assert record["start_from"]["migration"] == report.summary()
    assert read_header(folder / "supernet.safetensors")["provenance"]["start_from"] == record["start_from"]
    again = run("migrate", trained, "larger.yaml", "--output", "migrated", "--seed", 4, "--json")
    assert json.loads(again.out)["total"] == report.summary()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none", TABLE, "-o", "new"], "'none' does not exist"),
        (["{torn}", TABLE, "-o", "new"], "is no whole safetensors file"),
        (["{trained}", "lighttrack-tabel", "-o", "new"], "unknown space 'lighttrack-tabel'; did you mean"),
        (["{trained}", "apart.yaml", "-o", "new"], "they have no place in common"),
        (["{trained}", TABLE, "-o", "{trained}"], "holds the source itself"),
        (["{trained}", TABLE, "-o", "taken"], "holds results of another run: seed was 1 and is now 0"),
    ],
)
def test_the_command_says_what_is_wrong(
    run: Callable[..., Any], trained: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "apart.yaml").write_text(yaml.safe_dump(apart().description.model_dump(mode="json")))
    if "taken" in arguments:
        run("migrate", trained, TABLE, "-o", "taken", "--seed", 1)
    places = {"{trained}": str(trained), "{torn}": str(torn(tmp_path, trained))}
    done = run("migrate", *(places.get(word, word) for word in arguments))
    assert done.code == 1
    assert message in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_training_starts_from_another_space_s_supernet(larger: ltn.Space, trained: Path, tmp_path: Path) -> None:
    how = quick(steps=1, learning_rate=1e-12, weight_decay=0)
    supernet = ltn.train_supernet(larger, Noise(), settings=how, output=tmp_path, start_from=trained)
    expected, report = ltn.migrate_supernet(trained, larger, seed=how.seed)
    start = dict(expected.named_parameters())
    assert all(torch.allclose(p, start[name], atol=1e-9) for name, p in supernet.named_parameters())
    assert json.loads((tmp_path / "migration.json").read_text()) == json.loads(report.to_json())
    record = json.loads((tmp_path / "run.json").read_text())["start_from"]
    assert record["path"] == str(trained)
    assert record["space"] == TABLE
    assert record["migration"]["share"] == report.share
    assert read_header(tmp_path / "supernet.safetensors")["provenance"]["start_from"] == record


def stop_after(steps: int) -> Callable[[int, Any], None]:
    done = 0

    def told(more: int, _: Any) -> None:
        nonlocal done
        done += more
        if done >= steps:
            raise KeyboardInterrupt

    return told


@pytest.mark.slow
def test_a_resumed_training_does_not_migrate_again(
    larger: ltn.Space, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how, copy = quick(steps=4), tmp_path / "source"
    copy.mkdir()
    (copy / "supernet.safetensors").write_bytes((trained / "supernet.safetensors").read_bytes())
    whole = ltn.train_supernet(larger, Noise(), settings=how, output=tmp_path / "whole", start_from=copy)
    with pytest.raises(KeyboardInterrupt):
        ltn.train_supernet(
            larger, Noise(), settings=how, output=tmp_path / "run", start_from=copy, progress=stop_after(2)
        )
    assert (tmp_path / "run" / "last.ckpt").exists()
    # Neither its weights nor its file are needed any more.
    (copy / "supernet.safetensors").unlink()
    monkeypatch.setattr("lighttrack_nas.models.migration.take_weights", None)
    resumed = ltn.train_supernet(larger, Noise(), settings=how, output=tmp_path / "run", start_from=copy)
    assert all(
        torch.equal(a, b) for a, b in zip(resumed.state_dict().values(), whole.state_dict().values(), strict=True)
    )
    assert (tmp_path / "run" / "run.json").read_bytes() == (tmp_path / "whole" / "run.json").read_bytes()


@pytest.mark.slow
def test_another_source_is_another_training(larger: ltn.Space, table: ltn.Space, trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    file = tmp_path / "source.safetensors"
    file.write_bytes((trained / "supernet.safetensors").read_bytes())
    ltn.train_supernet(larger, Noise(), settings=quick(), output=run, start_from=file)
    for start_from, message in (
        (None, r"start_from was \{.*\} and is now null"),
        (trained, r"start_from\.path was"),
    ):
        with pytest.raises(ltn.InputError, match=f"holds results of another run: {message}"):
            ltn.train_supernet(larger, Noise(), settings=quick(), output=run, start_from=start_from)
    ltn.save_supernet(filled(table, seed=9), file)
    with pytest.raises(ltn.InputError, match=r"start_from\.sha256 was .* and is now"):
        ltn.train_supernet(larger, Noise(), settings=quick(), output=run, start_from=file)
    with pytest.raises(ltn.InputError, match=r"holds results of another run: start_from was null"):
        ltn.train_supernet(table, Noise(), settings=quick(), output=trained, start_from=file)


def test_the_configuration_names_the_source(
    larger: ltn.Space, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "larger.yaml").write_text(yaml.safe_dump(larger.description.model_dump(mode="json")))
    training = {"steps": 1, "batch_size": 2, "workers": 0, "warmup_steps": 0}
    content = {
        "space": "larger.yaml",
        "output": str(tmp_path / "run"),
        "threads": 1,
        "supernet": {"start_from": "$TRAINED", "training": training},
    }
    path = tmp_path / "chain.yaml"
    path.write_text(yaml.safe_dump(content))
    monkeypatch.setenv("TRAINED", str(trained))
    run_supernet(load_config(path), lambda _: None)
    record = json.loads((tmp_path / "run" / "supernet" / "run.json").read_text())
    assert record["start_from"]["path"] == str(trained)
    assert "of the parameters are taken" in (tmp_path / "run" / "supernet" / "migration.txt").read_text()
    with pytest.raises(ltn.InputError, match=r"supernet\.start_from and pretraining: .* one of them only"):
        load_config(path, ["pretraining={images: x}"])
    with pytest.raises(ltn.InputError, match="not from both"):
        ltn.train_supernet(
            larger, Noise(), settings=quick(), output=tmp_path / "b", start_from=trained, backbone=tmp_path / "x"
        )


def test_architectures_of_another_space_are_found_where_they_fit(tmp_path: Path, larger: ltn.Space) -> None:
    (tmp_path / "larger.yaml").write_text(yaml.safe_dump(larger.description.model_dump(mode="json")))
    (tmp_path / "wide.yaml").write_text(f"extends: {TABLE}\nfused_channels: 64\n")
    table = ltn.load_space(TABLE)
    architecture = table.sample(np.random.default_rng(0))
    ltn.save_model(ltn.build_network(architecture), architecture, tmp_path / "model.safetensors")
    (tmp_path / "a.json").write_text(architecture.to_json())
    said: list[str] = []
    for name in ("a.json", "model.safetensors"):
        found = find_architecture(str(tmp_path / name), str(tmp_path / "larger.yaml"), said.append)
        assert found == fit_architecture(architecture, larger)
        assert said.pop().endswith("is of space 'lighttrack-table', and is read in 'larger', which it fits")
        find_architecture(str(tmp_path / name), str(tmp_path / "wide.yaml"), said.append)
        assert said.pop().endswith("; another network there, as the spaces differ in fused_channels")
        assert find_architecture(str(tmp_path / name), TABLE, said.append) == architecture
        assert not said
        with pytest.raises(ltn.InputError, match=rf"{name}': .* does not fit space 'lighttrack-tiny' .*cls-width: "):
            find_architecture(str(tmp_path / name), "lighttrack-tiny", said.append)
    (tmp_path / "b.json").write_text(larger.sample(np.random.default_rng(0)).to_json())
    with pytest.raises(ltn.InputError, match=r"belongs to space 'larger' .*, not to 'lighttrack-table' .* of a preset"):
        find_architecture(str(tmp_path / "b.json"), TABLE)


def test_commands_say_that_an_architecture_is_of_another_space(run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "wide.yaml").write_text(f"extends: {TABLE}\nfused_channels: 64\n")
    architecture = ltn.load_space(TABLE).sample(np.random.default_rng(0))
    (tmp_path / "a.json").write_text(architecture.to_json())
    done = run("costs", "a.json", "--space", "wide.yaml", "--json")
    assert done.code == 0
    assert json.loads(done.out)["space"] == "wide"
    assert "'a.json' is of space 'lighttrack-table', and is read in 'wide'" in done.err
    refused = run("costs", "a.json", "--space", "lighttrack")
    assert refused.code == 1
    assert "does not fit space 'lighttrack'" in refused.err
    assert "output: " in refused.err
