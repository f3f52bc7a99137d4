"""Purifiers, by what they do to inputs that can be worked out."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.frontier.security.purifiers.diffpure import DiffPure
from cartograd.frontier.security.purifiers.magnet import MagNet
from cartograd.frontier.security.purifiers.purified import draws_any, has_gradient, purified
from cartograd.frontier.security.purifiers.total_variation import (
    divergence,
    gradient,
    total_variation,
)
from tests.frontier.security.poisoned import case


def drawn(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def by(spec, x, **more):
    return build(spec, kind="purifier", **more)(x, torch.Generator().manual_seed(0))


@pytest.mark.law("bit-depth")
@pytest.mark.parametrize("levels", [2, 5, 256])
def test_numbers_are_the_nearest_levels(levels):
    x, steps = drawn(3, 50), torch.linspace(0, 1, levels)
    nearest = steps[(x[..., None] - steps).abs().argmin(-1)]
    found = by(f"bit-depth:levels={levels}", x)
    torch.testing.assert_close(found, nearest)
    torch.testing.assert_close(by(f"bit-depth:levels={levels}", found), found)


@pytest.mark.law("jpeg")
def test_the_finest_pattern_fades_with_the_quality():
    x = drawn(4, 1, 16, 16)
    best = by("jpeg:quality=100", x)
    assert (best - x).abs().max() <= 2.5 / 255
    board = torch.arange(16)[:, None] + torch.arange(16)
    fine = (0.5 + 0.05 * (-1.0) ** board)[None, None]
    left = [by(f"jpeg:quality={q}", fine).std().item() for q in (100, 60, 10)]
    assert left[0] > 0.9 * fine.std()
    assert left[0] > left[1] >= left[2]
    assert left[2] < 0.1 * fine.std()
    colours = drawn(2, 3, 16, 16, seed=1)
    assert by("jpeg:quality=100", colours).sub(colours).abs().mean() < 0.02


@pytest.mark.law("total-variation")
def test_no_picture_nearby_is_better():
    x, weight = drawn(1, 2, 6, 7).double(), 0.3

    def cost(u):
        return (u - x).square().sum() / 2 + weight * gradient(u).square().sum(0).sqrt().sum()

    found = total_variation(x, torch.Generator(), weight=weight, steps=3000)
    generator, least = torch.Generator().manual_seed(0), cost(found)
    for size in (1e-3, 1e-2, 0.1):
        for _ in range(20):
            other = found + size * torch.randn(found.shape, generator=generator).double()
            assert cost(other) >= least - 1e-9
    torch.testing.assert_close(found.mean((2, 3)), x.mean((2, 3)))
    p, u = drawn(2, 1, 2, 6, 7).double(), drawn(1, 2, 6, 7, seed=2).double()
    torch.testing.assert_close((gradient(u) * p).sum(), -(u * divergence(p)).sum())


@pytest.mark.law("magnet")
def test_what_lies_across_the_learned_line_is_gone():
    """A linear autoencoder of a line through the middle of four numbers."""
    way = torch.tensor([0.6, 0.8, 0.0, 0.0])

    class Line(nn.Module):
        def __init__(self):
            super().__init__()
            self.way = nn.Parameter(way)

        def forward(self, x):
            return self.reconstruct(x)

        def reconstruct(self, x):
            return (x @ self.way)[:, None] * self.way

    port = Port("x", "vector", (4,), bounds=(0.0, 1.0), mean=(0.5,) * 4, std=(0.25,) * 4)
    told = Port("x", "vector", (4,), bounds=(0.0, 1.0), mean=(0.5,) * 4, std=(0.25,) * 4,
                task="reconstruct")  # fmt: skip
    model = cg.sign(Line(), Signature((port,), (told,)))
    on = 0.5 + 0.3 * torch.linspace(-1, 1, 5)[:, None] * way
    reformer = MagNet(run=model)
    torch.testing.assert_close(reformer(on, torch.Generator()), on)
    across = on + torch.tensor([0.08, -0.06, 0.1, 0.2])
    torch.testing.assert_close(reformer(across, torch.Generator()), on)
    far = torch.full((1, 4), 1.0)
    assert reformer(far, torch.Generator()).max() <= 1
    with pytest.raises(UsageError, match="makes examples of shape"):
        reformer(torch.rand(2, 3), torch.Generator())


@pytest.fixture
def pure():
    """A diffusion model that knows one point alone."""
    noise = Port("noise", "vector", (6,))
    made = Port("x", "vector", (6,), bounds=(0.0, 1.0), mean=(0.5,), std=(0.25,), task="generate")
    model = build("ddpm:width=8", signature=Signature((noise,), (made,)))
    return DiffPure(run=model, share=0.4)


@pytest.mark.law("diffpure")
def test_all_inputs_become_the_only_example_there_is(pure):
    point = torch.tensor([0.1, -0.5, 1.0, 0.0, 0.7, -1.2])
    pure.denoiser.denoise = lambda x, level, y=None: point.expand_as(x)
    found = pure(drawn(4, 6), torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, (0.5 + 0.25 * point).expand(4, 6), rtol=0, atol=1e-5)
    pure.denoiser.denoise = lambda x, level, y=None: x / level.alpha.to(x)
    moved = []
    for back in (1, 5, 25):
        pure.back = back
        x = 0.25 + 0.5 * drawn(200, 6)
        one, again = (pure(x, torch.Generator().manual_seed(1)) for _ in "12")
        assert torch.equal(one, again)
        moved.append(float((one - x).abs().mean()))
    assert moved[0] < 0.03
    assert moved[0] < moved[1] < moved[2]
    assert draws_any(pure, x[:2])
    assert not has_gradient(pure, x[:2])


def test_a_model_behind_a_purifier_answers_for_purified_inputs():
    model, x = case().good, case().clean.test.inputs[:8]
    rough = build("bit-depth:levels=3", kind="purifier")
    behind = purified(model, rough)
    torch.testing.assert_close(behind(x), model(rough(x, torch.Generator())))
    point = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(behind(point)[:, 0].sum(), point)
    there = rough(x, torch.Generator()).requires_grad_()
    (expected,) = torch.autograd.grad(model(there)[:, 0].sum(), there)
    torch.testing.assert_close(slope, expected)
    assert not has_gradient(rough, x[:2])
    smooth = build("total-variation:steps=3", kind="purifier")
    assert has_gradient(smooth, x[:2])
    assert not draws_any(smooth, x[:2])


@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        ("jpeg", (2, 2, 8, 8), "1 or 3 channels; these have 2"),
        ("jpeg", (2, 8), "jpeg is for pictures"),
        ("total-variation", (2, 8), "bit-depth takes inputs of any shape"),
        ("magnet", (2, 8), "magnet:run=RUN"),
        ("diffpure", (2, 8), "diffpure:run=RUN"),
        ("bit-depth:levels=1", (2, 8), "levels=1 is out of range"),
    ],
)
@pytest.mark.untyped
def test_what_cannot_be_purified_is_refused(spec, shape, message):
    with pytest.raises(UsageError, match=message):
        by(spec, torch.zeros(shape))
    with pytest.raises(UsageError, match="from -1 to -1; take a detector"):
        by("bit-depth", torch.full((1, 2), -1.0))
    for purifier in ("jpeg", "total-variation"):  # what bit-depth would refuse, too, is not advised
        with pytest.raises(UsageError, match="from 7 to 7; take a detector, such as mahalanobis"):
            by(purifier, torch.full((1, 2), 7.0))
