"""NNI's model space and the supernet: equal to the plain networks, and never corrupted."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.model_space import build_model_space, nni_sample
from lighttrack_nas.search_spaces.building.nni_adapter import LayerChoice, model_context
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.backbone import LazySequence


def randomise_statistics(module: nn.Module) -> None:
    """Give every BatchNorm statistics of its own, so that a mix-up shows."""
    generator = torch.Generator().manual_seed(0)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(0, 0.1, generator=generator)
            norm.running_var.uniform_(0.5, 1.5, generator=generator)


@pytest.fixture(scope="module")
def supernet(request: pytest.FixtureRequest, space: Space) -> Supernet:
    torch.manual_seed(0)
    supernet = Supernet(space)
    randomise_statistics(supernet)
    return supernet.eval()


def images(space: Space, batch: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    sizes = (space.description.template_size, space.description.search_sizes[0])
    template, search = (torch.randn(batch, 3, size, size, generator=generator) for size in sizes)
    return template, search


def test_nni_reads_the_same_labels(space: Space) -> None:
    model_space = build_model_space(space)
    labels = model_space.simplify()
    assert set(labels) == set(space.labels)
    architecture = space.sample(np.random.default_rng(0))
    sample = nni_sample(architecture)
    assert model_space.contains(sample)
    assert space.from_nni(sample) == architecture


@pytest.mark.slow
def test_pinned_supernet_equals_plain_networks_exactly(space: Space, supernet: Supernet) -> None:
    before = {key: value.clone() for key, value in supernet.state_dict().items()}
    template, search = images(space)
    rng = np.random.default_rng(7)
    outputs = set()
    with torch.no_grad():
        for _ in range(50):
            architecture = space.sample(rng)
            outputs.add(architecture.choices["output"])
            supernet.pin(architecture)
            plain = supernet.extract(architecture)
            for pinned, own in zip(supernet(template, search), plain(template, search), strict=True):
                assert torch.equal(pinned, own)
            stepwise = supernet.track(supernet.template(template), search)
            for pinned, own in zip(stepwise, plain.track(plain.template(template), search), strict=True):
                assert torch.equal(pinned, own)
    assert len(outputs) >= min(4, len(space.candidates["output"]))
    after = supernet.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_extracted_network_shares_nothing(tiny: Space) -> None:
    supernet = Supernet(tiny)
    before = copy.deepcopy(supernet.state_dict())
    network = supernet.extract(tiny.sample(np.random.default_rng(0))).train()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
        network(*images(tiny, batch=2))  # moves BatchNorm statistics
    assert all(torch.equal(before[key], value) for key, value in supernet.state_dict().items())


@pytest.mark.parametrize("training", [True, False])
def test_single_path_runs_its_blocks_and_no_other(tiny: Space, training: bool) -> None:
    supernet = Supernet(tiny).train(training)
    ran: list[str] = []
    for name, module in supernet.model_space.named_modules():
        if type(module).__name__ in ("InvertedResidual", "SeparableConvolution", "TowerConvolution"):
            module.register_forward_hook(lambda *_, name=name: ran.append(name))
    rng = np.random.default_rng(2)
    for _ in range(10):
        architecture = tiny.sample(rng)
        supernet.pin(architecture)
        ran.clear()
        supernet(*images(tiny, batch=2))
        chosen = tiny.chosen(architecture)
        blocks = tiny.blocks_up_to(chosen["output"])
        expected = {f"network.backbone.blocks.{b}" + (f".{chosen[b]}" if b in tiny.labels else "") for b in blocks}
        for branch in ("cls", "reg"):
            layers = [(i, chosen[f"{branch}-layer{i}"]) for i in range(4)]
            tower = f"network.{branch}_head.{chosen[f'{branch}-width']}.layers"
            expected |= {f"{tower}.{i}.{name}" for i, name in layers if name != "skip"}
        assert set(ran) == expected
        assert len([name for name in ran if "backbone" in name]) == 2 * len(blocks)  # template and search


def test_plain_network_holds_no_dead_block(space: Space) -> None:
    rng = np.random.default_rng(5)
    for _ in range(5):
        architecture = space.sample(rng)
        network = build_network(architecture)
        assert tuple(network.backbone.blocks) == space.blocks_up_to(architecture.choices["output"])
        assert list(network.necks) == [str(network.exit.channels)]
        assert list(network.fusions) == [str(network.exit.kernels)]
        used: list[str] = []
        for name, module in network.named_modules():
            if not list(module.children()):
                module.register_forward_hook(lambda *_, name=name, used=used: used.append(name))
        network.eval()(*images(space))
        leaves = {name for name, module in network.named_modules() if name and not list(module.children())}
        assert leaves - set(used) == {"output"} - set(used)


def test_model_context_builds_the_plain_network(tiny: Space) -> None:
    architecture = tiny.sample(np.random.default_rng(0))
    with model_context(nni_sample(architecture)):
        decided = build_model_space(tiny)
    assert not any(isinstance(module, LayerChoice) for module in decided.modules())
    assert decided.network.state_dict().keys() == build_network(architecture).state_dict().keys()


def test_each_branch_has_its_own_tower(tiny: Space) -> None:
    """The released supernet ran the classification towers in its regression branch; ours trains both."""
    supernet = Supernet(tiny).train()
    supernet.pin(tiny.sample(np.random.default_rng(0)))
    _, distances = supernet(*images(tiny, batch=2))
    distances.sum().backward()
    head = supernet.network
    assert any(p.grad is not None for p in head.reg_head.parameters())
    assert all(p.grad is None for p in head.cls_head.parameters())


def test_pin_refuses_another_space(tiny: Space, lighttrack: Space) -> None:
    with pytest.raises(InputError, match=r"of space 'lighttrack' \(\w{12}\), not of 'lighttrack-tiny'"):
        Supernet(tiny).pin(lighttrack.sample(np.random.default_rng(0)))


def test_a_lazy_sequence_computes_up_to_what_is_asked() -> None:
    """NNI's InputChoice takes the length and indexes; this is what the lazy sequence rests on."""
    drawn: list[int] = []

    def features():
        for index in range(4):
            drawn.append(index)
            yield index

    finished: list[int] = []

    def finish(index: int, value: int) -> Tensor:
        assert index == value
        finished.append(index)
        return torch.tensor(value)

    outputs = LazySequence(4, features(), finish)
    assert len(outputs) == 4
    assert drawn == []
    assert int(outputs[2]) == 2
    assert drawn == [0, 1, 2]
    assert finished == [2]
    assert [int(o) for o in outputs[0:2]] == [0, 1]
    with pytest.raises(IndexError):
        outputs[4]
    assert [int(o) for o in outputs] == [0, 1, 2, 3]
    assert drawn == [0, 1, 2, 3]
