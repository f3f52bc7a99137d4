"""The normalisation that a model's `norm` names, beside the files that spell it out."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.architectures.transformer.llama import LLaMA
from cartograd.core.errors import UsageError
from cartograd.training.normalization.batch_norm import BatchNorm
from cartograd.training.normalization.group_norm import GroupNorm
from cartograd.training.normalization.instance_norm import InstanceNorm
from cartograd.training.normalization.layer_norm import LayerNorm
from cartograd.training.normalization.layers import of_features, of_maps
from cartograd.training.normalization.rms_norm import RMSNorm

SPELLED = {
    "batch": lambda n: BatchNorm(channels=n),
    "group": lambda n: GroupNorm(channels=n, groups=2),
    "layer": lambda n: GroupNorm(channels=n, groups=1),
    "instance": lambda n: InstanceNorm(channels=n),
    None: lambda _: nn.Identity(),
}
KINDS = {"batch": nn.BatchNorm2d, "group": nn.GroupNorm, "layer": nn.GroupNorm,
         "instance": nn.GroupNorm, None: None}  # fmt: skip
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


def norms(model):
    return {type(part) for part in model.modules() if isinstance(part, NORMS)}


@pytest.mark.place("norm/batch", "norm/group", "norm/instance")
@pytest.mark.parametrize("norm", SPELLED)
def test_maps_are_normalised_as_spelled_out(norm, monkeypatch):
    monkeypatch.setattr("cartograd.training.normalization.layers.GROUPS", 2)
    x = torch.randn(3, 4, 5, 2, dtype=torch.float64)
    ours, found = SPELLED[norm](4).double(), of_maps(4, norm=norm).double()
    torch.testing.assert_close(found(x), ours(x), rtol=1e-10, atol=1e-10)


@pytest.mark.place("norm/layer", "norm/batch")
@pytest.mark.parametrize(
    ("norm", "ours"),
    [
        ("layer", LayerNorm(features=4)),
        ("rms", RMSNorm(features=4, eps=1e-5)),
        ("batch", BatchNorm(channels=4)),
        (None, nn.Identity()),
    ],
)
def test_features_are_normalised_as_spelled_out(norm, ours):
    x = torch.randn(7, 4, dtype=torch.float64)
    found = of_features(4, norm=norm).double()
    torch.testing.assert_close(found(x), ours.double()(x), rtol=1e-10, atol=1e-10)


@pytest.mark.place("norm/rms")
def test_llama_computes_our_rms_norm():
    torch.manual_seed(0)
    args = {"vocabulary": 11, "dim": 8, "heads": 2, "depth": 2, "ffn_dim": 12}
    theirs, ours = LLaMA(**args).double(), LLaMA(**args).double()
    for weight in theirs.parameters():
        nn.init.normal_(weight)
    for name, part in list(ours.named_modules()):
        if isinstance(part, nn.RMSNorm):
            place = ours.get_submodule(name.rpartition(".")[0])
            setattr(place, name.rpartition(".")[2], RMSNorm(features=8, eps=part.eps).double())
    assert not norms(ours)
    ours.load_state_dict(theirs.state_dict())
    tokens = torch.randint(11, (2, 5))
    found, expected = ours(tokens), theirs(tokens)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    found.square().sum().backward()
    expected.square().sum().backward()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "model",
    ["resnet:depth=8,width=4", "densenet:depth=10,growth_rate=2", "efficientnet:phi=-14"],
)
@pytest.mark.parametrize("norm", KINDS)
def test_convolutional_models_take_each_norm(model, norm):
    made = cg.build(f"{model},size=8,channels=1,classes=3,norm={norm or 'none'}")
    assert norms(made) == ({KINDS[norm]} - {None})
    made(torch.rand(4, 1, 8, 8)).sum().backward()
    assert all(p.grad.isfinite().all() for p in made.parameters())


@pytest.mark.parametrize(
    "model",
    [
        "mlp:features=4,classes=3",
        "gpt:vocabulary=9,context=8,dim=8,heads=2,depth=1",
        "transformer:vocabulary=9,dim=8,heads=2,depth=1,ffn_dim=8,order=pre",
        "bert:vocabulary=9,context=8,dim=8,heads=2,depth=1",
        "vit:size=8,channels=1,classes=3,dim=8,heads=2,depth=1",
    ],
)
@pytest.mark.parametrize(
    ("norm", "kind"), [("layer", nn.LayerNorm), ("rms", nn.RMSNorm), ("none", None)]
)
def test_other_models_take_each_norm_of_features(model, norm, kind):
    assert norms(cg.build(f"{model},norm={norm}")) == ({kind} - {None})


def test_a_run_with_a_norm_is_a_bundle_with_it(tmp_path):
    run = cg.train(
        "mlp:widths=[8],norm=batch", "moons:examples=90", epochs=1, folder=tmp_path / "r"
    )
    loaded = cg.load(run.folder)
    assert norms(loaded.model) == {nn.BatchNorm1d}
    x = torch.randn(5, 2)
    assert torch.equal(loaded.model.eval()(x), cg.load(run.folder).model.eval()(x))


@pytest.mark.untyped
@pytest.mark.parametrize("make", [of_maps, of_features])
def test_an_unknown_norm_names_the_nearest(make):
    with pytest.raises(UsageError, match="unknown norm 'bach'; did you mean 'batch'"):
        make(4, norm="bach")
