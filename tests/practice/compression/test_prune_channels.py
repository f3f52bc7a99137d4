import copy
import warnings

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.verbs.compress import compress_to
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.engine.loop.flops import flop_counter
from cartograd.practice.compression.cut import cut, masked, without
from cartograd.practice.compression.dependencies import dependencies
from cartograd.practice.compression.importance import least, scored
from cartograd.practice.compression.prune_channels import prune_channels


def pictures(classes=3, side=16, channels=3):
    port = Port("image", "image", (channels, side, side), "float32", (0.0, 1.0))
    return Signature((port,), (Port("class", "label", (classes,), task="classify"),))


def halved(model, x):
    """The dependencies of a model, and the groups that go at one half of each width."""
    found = dependencies(model, (x,))
    return found, least(found, scored(model, found, "l1"), 0.5, "local")


def shapes(model):
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def mobile():
    from torchvision.models import mobilenet_v2

    return mobilenet_v2(width_mult=0.1, num_classes=3)


NETWORKS = {
    "resnet": lambda: build("resnet:depth=18", channels=3, classes=3, size=32, width=8),
    "densenet": lambda: build("densenet:depth=10,growth_rate=8", channels=3, classes=3, size=32),
    "mobilenet": mobile,
}


@pytest.mark.compile
@pytest.mark.oracle("prune-channels")
@pytest.mark.parametrize("name", NETWORKS)
def test_equals_torch_pruning(name):
    import torch_pruning as tp

    torch.manual_seed(0)
    model, x = NETWORKS[name]().eval(), torch.randn(2, 3, 32, 32)
    found, gone = halved(model, x)
    names = {id(part): name for name, part in model.named_modules()}
    graph = tp.DependencyGraph().build_dependency(model, example_inputs=x)
    for part in model.modules():  # of each convolution, the layers that lose something with it
        if isinstance(part, nn.Conv2d) and part.groups == 1:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs = graph.get_pruning_group(part, tp.prune_conv_out_channels, [0])
            expected = {names.get(id(dep.target.module), "") for dep, _ in theirs}
            root = int(found.groups_of(f"{names[id(part)]}.weight", 0)[0])
            ours = {
                weight.rpartition(".")[0]
                for weight, dims in found.units.items()
                for dim in dims
                if root in found.groups_of(weight, dim)
            }
            assert ours == {one for one in expected if f"{one}.weight" in found.units}
    other = copy.deepcopy(model)
    head = [part for part in other.modules() if isinstance(part, nn.Linear)][-1]
    tp.pruner.MagnitudePruner(
        other, x, importance=tp.importance.MagnitudeImportance(p=1), pruning_ratio=0.5,
        ignored_layers=[head],
    ).step()  # fmt: skip
    assert shapes(without(model, found, gone)) == shapes(other)


@pytest.mark.compile
@pytest.mark.paper("prune-channels")
def test_half_of_resnet_18():
    import torch_pruning as tp
    from torchvision.models import resnet18

    with torch.device("meta"):
        ours, theirs = build("resnet:depth=18", channels=3, classes=1000, size=224), resnet18()
    for model in (ours, theirs):
        whole = model.to_empty(device="cpu").eval()
        small = without(whole, *halved(whole, torch.zeros(2, 3, 32, 32)))
        assert sum(weight.numel() for weight in small.parameters()) == 3_055_880
    work, _ = tp.utils.count_ops_and_params(small, torch.zeros(1, 3, 224, 224))
    assert round(work / 1e9, 6) == 0.487203  # with norms, activations and pools
    with flop_counter() as counter, torch.no_grad():
        small.to("meta")(torch.zeros(1, 3, 224, 224, device="meta"))
    assert counter.get_total_flops() == 2 * 483_149_824  # convolutions and the last layer


class Mixed(nn.Module):
    """What the rules are for, in little: groups, a concatenation, heads in one matrix, an LSTM."""

    def __init__(self, heads=4):
        super().__init__()
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.first, self.beside = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 6, 1)
        self.norm, self.gates = nn.GroupNorm(2, 8), nn.Conv2d(14, 16, 1)
        self.inside, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.memory = nn.LSTM(16, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.head, self.heads = nn.Linear(10, 3), heads

    def forward(self, x):
        x = self.first(x)
        x = self.norm(x + self.grouped(x)).sigmoid()
        x = self.gates(torch.cat([x, self.beside(x)], 1)).flatten(2).mT
        qkv = self.inside(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(*qkv).transpose(1, 2).flatten(2)
        y, _ = self.memory(x + self.out(y))
        return self.head(y[:, -1])


@pytest.mark.compile
@pytest.mark.law("prune-channels")
def test_a_module_of_anybody_is_the_masked_one_without_what_is_masked():
    torch.manual_seed(0)
    model, x = Mixed().double().eval(), torch.rand(2, 3, 5, 5).double()
    found, gone = halved(model, x)
    done = cut(model, found, gone, (x,))
    assert not done.left_whole
    torch.testing.assert_close(done.model(x), masked(model, found, gone)(x), rtol=1e-12, atol=1e-12)
    sizes = {width.name: len(width.groups) for width in found.widths}
    # In pairs, for a group of the norm is as wide as two groups of the convolution.
    assert sizes == {"first": 2, "beside": 6, "gates": 16, "inside": 4, "memory": 5}
    small = done.model
    assert (small.grouped.groups, small.norm.num_groups, small.heads) == (2, 1, 2)
    assert (small.memory.hidden_size, small.head.in_features) == (3, 6)


def trained():
    """A small network that was built by name."""
    torch.manual_seed(0)
    return build("lenet5", kind="model", signature=pictures()).eval()


@pytest.mark.compile
@pytest.mark.law("prune-channels")
def test_a_bundle_builds_it_again_and_it_goes_on(tmp_path):
    model, x = trained(), torch.rand(4, 3, 16, 16)
    small = cg.compress(model, method="prune-channels:amount=0.5")
    write_bundle(tmp_path / "small", small, examples=x)
    again = load(tmp_path / "small")
    assert torch.equal(again.model(x), small(x))
    assert again.spec == model.spec
    assert again.about["parameters"] < sum(p.numel() for p in model.parameters()) / 3
    smaller = cg.compress(again, method="prune-channels:amount=0.5")  # once more
    eighth = cg.compress(smaller, method="int8-weights")
    write_bundle(tmp_path / "eighth", eighth, examples=x)
    assert torch.equal(load(tmp_path / "eighth").model(x), eighth(x))
    assert shapes(load(tmp_path / "eighth").model.model)["c1.weight"] == (2, 3, 5, 5)
    x.requires_grad_()
    assert torch.autograd.grad(again.model(x).sum(), x)[0].abs().sum() > 0  # what explain reads


@pytest.mark.compile
def test_what_is_pruned_trains_on_in_its_sizes(tmp_path):
    run = cg.train("lenet5", "digits", epochs=1, folder=tmp_path / "run", seed=0)
    compress_to(run, tmp_path / "small", method="prune-channels:amount=0.5")
    more = cg.train(str(tmp_path / "small"), "digits", epochs=1, folder=tmp_path / "more", seed=0)
    assert shapes(more.model.model)["c1.weight"][0] == 3
    assert shapes(load(tmp_path / "more").model.model) == shapes(more.model.model)
    assert more.history[-1]["valid/loss"] < run.history[-1]["valid/loss"] + 1


@pytest.mark.compile
def test_a_foreign_module_is_narrowed_by_its_bundle(tmp_path):
    torch.manual_seed(0)
    signed, x = sign(Mixed(), pictures(side=5)), torch.rand(3, 3, 5, 5)
    small = cg.compress(signed, method="prune-channels:amount=0.5,importance=l2,scope=global")
    write_bundle(tmp_path / "own", small, examples=x)
    assert torch.equal(load(tmp_path / "own", model=Mixed()).model(x), small(x))


def test_sizes_that_do_not_fit_are_refused(tmp_path):
    from cartograd.core.narrowed import Narrowing, narrow

    model = trained().model
    for wrong in (
        Narrowing({"c1.weight": (9, 3, 5, 5)}), Narrowing({"c9.weight": (1,)}),
        Narrowing({}, {"c1": {"heads": 2}}), Narrowing({}, {}, {"c1": (0,)}),
    ):  # fmt: skip
        with pytest.raises(UsageError, match="sizes list"):
            narrow(model, wrong, "sizes")
    for data in ({}, {"shapes": {"a": "b"}, "numbers": {}, "kept": {}}, None):
        with pytest.raises(UsageError, match="damaged"):
            Narrowing.from_json(data, "sizes.json")


@pytest.mark.compile
def test_criteria_choose_by_what_they_say():
    torch.manual_seed(0)
    model = build("mlp:widths=[6]", kind="model", features=4, classes=3)
    port = Port("row", "vector", (4,)), Port("class", "label", (3,), task="classify")
    signed = sign(model, Signature((port[0],), (port[1],)))
    with torch.no_grad():
        model.hidden[0].weight[2] = model.head.weight[:, 2] = 1e-4
        model.hidden[0].bias[2] = 0
    for way in ("l1", "l2"):
        small = prune_channels(signed, amount=0.2, importance=way)
        assert torch.equal(small.model.head.weight, model.head.weight[:, [0, 1, 3, 4, 5]])
    chosen = [prune_channels(signed, amount=0.5, importance="random", seed=s) for s in (0, 0, 1)]
    first, again, other = (one.model.head.weight for one in chosen)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    with pytest.raises(UsageError, match="no batch norm"):
        prune_channels(signed, importance="bn-scale")
    with pytest.raises(UsageError, match="importance=taylor needs examples"):
        prune_channels(signed, importance="taylor")
    with pytest.raises(UsageError, match="less than one of the channels of each width"):
        prune_channels(signed, amount=0.1)


@pytest.mark.compile
def test_a_model_without_channels_says_which_layer_stays():
    signed = build("perceptron", kind="model", signature=Signature(
        (Port("row", "vector", (3,)),), (Port("class", "label", (2,)),)
    ))  # fmt: skip
    with pytest.raises(UsageError, match="no channels of this model can be cut"):
        cg.compress(signed, method="prune-channels")
