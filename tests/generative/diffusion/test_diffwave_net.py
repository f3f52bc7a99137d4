import math

import pytest
import torch
from torch.nn import functional as F

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.generative.diffusion.diffwave_net import DiffWave


def takes(n):
    """Noisy sounds, times and classes."""
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(n, 1, 12, generator=draw)
    return x, 1000 * torch.rand(n, generator=draw), torch.arange(n) % 4


def net(**settings):
    """In double precision, its last layer with something to say."""
    torch.manual_seed(0)
    found = DiffWave(**{"features": 40, "dim": 4, "depth": 2, "repeats": 1} | settings).double()
    torch.nn.init.normal_(found.last.weight)
    return found


def by_the_paper(model, x, time, y):
    """Section 3 of the paper, patches by a loop, and embeddings by hand."""
    weights = dict(model.named_parameters())

    def linear(name, v):
        return v @ weights[f"{name}.weight"].flatten(1).T + weights[f"{name}.bias"]

    half = model.told.width // 2
    angles = torch.stack([time / 10_000 ** (i / half) for i in range(half)], 1)
    told = linear("told.time.0", torch.cat([angles.cos(), angles.sin()], 1))
    told = linear("told.time.2", told * told.sigmoid()) + weights["told.classes.weight"][y]
    told = F.silu(F.silu(told))
    filled = torch.cat([x, x.new_zeros(len(x), -x.shape[1] % model.patch)], 1)
    h = torch.stack([linear("first", part) for part in filled.split(model.patch, 1)], 2).relu()
    aside = []
    for i, gap in enumerate((1, 2)):
        name = f"layers.{i}"
        moved = h + linear(f"{name}.tell", told)[:, :, None]
        both = (
            F.conv1d(F.pad(moved, (gap, gap)), weights[f"{name}.conv.weight"], dilation=gap)
            + weights[f"{name}.conv.bias"][:, None]
        )
        a, b = both.chunk(2, 1)
        answer = linear(f"{name}.out", (a.tanh() * b.sigmoid()).mT).mT
        h = (h + answer[:, : h.shape[1]]) / math.sqrt(2)
        aside.append(answer[:, h.shape[1] :])
    mixed = linear("mixed", (sum(aside) / math.sqrt(2)).mT).relu()
    return linear("last", mixed).flatten(1)[:, : x.shape[1]]


@pytest.mark.oracle("diffwave-net")
def test_equals_the_formulas_layer_by_layer():
    model = net(features=30, patch_size=4, classes=3)
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(5, 30, generator=draw, dtype=torch.float64)
    time, y = torch.tensor([0.0, 3, 250, 999, 12]).double(), torch.tensor([0, 1, 2, 3, 3])
    mine, theirs = model(x[:, None], time, y)[:, 0], by_the_paper(model, x, time, y)
    torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)
    used = list(model.parameters())
    for one, other in zip(
        torch.autograd.grad(mine.square().sum(), used),
        torch.autograd.grad(theirs.square().sum(), used),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.place("diffusion/audio")
@pytest.mark.law("diffwave-net")
@pytest.mark.parametrize("patch", [1, 2])
def test_an_answer_hears_its_receptive_field_before_and_after_and_nothing_else(patch):
    model = net(patch_size=patch, dim=16)
    assert model.receptive_field == patch * 7
    x = torch.randn(1, 1, 40, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(model(x, torch.tensor([50.0]).double())[0, 0, 20], x)
    heard = slope[0, 0].nonzero().flatten().tolist()
    assert heard == list(range(20 - 3 * patch, 20 + 4 * patch))


@pytest.mark.law("diffwave-net")
def test_turned_around_and_moved():
    model, time = net(patch_size=1), torch.tensor([7.0]).double()
    x = torch.randn(1, 1, 40, dtype=torch.float64)
    straight = model(x, time)
    turned = net(patch_size=1)
    with torch.no_grad():
        for layer in turned.layers:
            layer.conv.weight.copy_(layer.conv.weight.flip(2))
    torch.testing.assert_close(turned(x.flip(2), time).flip(2), straight)
    assert (model(x.flip(2), time).flip(2) - straight).abs().max() > 0.01
    model = net(patch_size=4)
    quiet = F.pad(x[:, :, 12:24], (12, 16))
    later = model(quiet.roll(4, 2), time)
    torch.testing.assert_close(later[:, :, 16:-16], model(quiet, time).roll(4, 2)[:, :, 16:-16])


@pytest.mark.law("diffwave-net")
def test_a_new_network_answers_zero():
    model = DiffWave(features=12, classes=3, dim=4, depth=2, outputs=2)
    x, time, y = takes(3)
    assert torch.equal(model(x, time, y), torch.zeros(3, 2, 12))


@pytest.mark.parametrize("name", ["ddpm", "edm", "flow-matching"])
def test_every_path_takes_it(name):
    model = build(f"{name}:features=12,network=(diffwave-net:depth=2,dim=4),sampling_steps=2")
    assert model(torch.randn(2, 1, 12)).shape == (2, 1, 12)
    assert build("diffwave", features=12, sampling_steps=2).denoiser.net.receptive_field == 4072


def test_other_lengths_are_refused():
    with pytest.raises(UsageError, match="sounds of 11 samples; expected 12"):
        DiffWave(features=12)(torch.randn(2, 1, 11), torch.ones(2))
