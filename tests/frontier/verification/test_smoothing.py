"""Randomised smoothing, where the truth is known: of linear classifiers and of binomials."""

import pytest
import torch
from scipy.stats import beta, norm
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.frontier.verification.randomised_smoothing import (
    largest,
    lower_end,
    randomised_smoothing,
    smoothed,
)


def linear():
    """The class is the sign of (3 x + 4 y) / 5 - 0.1: the distance to the border is known."""
    layer = nn.Linear(2, 2)
    layer.weight.data = torch.tensor([[-3.0, -4.0], [3.0, 4.0]])
    layer.bias.data = torch.tensor([0.5, -0.5])
    port = Port("point", "vector", (2,), bounds=(-2.0, 2.0))
    return Signed(layer, Signature((port,), (Port("side", "label", (2,)),)))


def distances(x):
    return (x @ torch.tensor([3.0, 4.0])) / 5 - 0.1


@pytest.mark.law("randomised-smoothing")
def test_no_radius_exceeds_the_true_distance():
    """Of a linear classifier the smoothed one has the same border."""
    model, draw = linear(), torch.Generator().manual_seed(5)
    x = torch.rand(150, 2, generator=draw) * 2 - 1
    truth = distances(x)
    y, alpha = (truth > 0).long(), 0.01
    found = randomised_smoothing(model, x, y, noise=0.5, draws=400, selection=50, alpha=alpha)
    wrong = (found.size > truth.abs()).sum().item()
    assert wrong <= 6  # of 150 with a probability of .01 each, more than six are rarer than .001
    most = 0.5 * norm.ppf(alpha ** (1 / 400))
    assert found.size.max() <= most
    far = randomised_smoothing(
        model, torch.full((1, 2), 1.9), torch.tensor([1]), noise=0.5, draws=400, alpha=alpha
    )
    assert far.size.item() == pytest.approx(most, abs=1e-12)
    assert largest(0.5, 400, alpha) == pytest.approx(most, abs=1e-12)
    within = (truth.abs() > 0.3) & (truth.abs() < 0.8)
    assert (found.size[within] > 0.6 * truth.abs()[within]).float().mean() > 0.9
    assert not found.proved[found.size == 0].any()
    assert found.distance == "l2"
    away = x - (found.size * y.mul(2).sub(1))[:, None].float() * 0.999 * torch.tensor([0.6, 0.8])
    held = (distances(away) > 0).long() == y  # the worst change of that length
    assert (~held[found.proved]).sum() <= 6


@pytest.mark.law("randomised-smoothing")
@pytest.mark.parametrize("truth", [0.52, 0.8, 0.99])
def test_the_lower_end_holds_as_often_as_it_says(truth):
    draw, draws, alpha = torch.Generator().manual_seed(0), 100, 0.05
    tries = torch.rand(2000, draws, generator=draw) < truth
    hits = tries.sum(1)
    ends = lower_end(hits, draws, alpha)
    covered = (ends <= truth).double().mean().item()
    assert covered >= 1 - alpha - 3 * (alpha * (1 - alpha) / 2000) ** 0.5
    k = hits[0].item()
    assert ends[0].item() == pytest.approx(beta.ppf(alpha, k, draws - k + 1), abs=1e-12)


def test_what_is_uncertain_is_abstained_from():
    model = linear()
    border = torch.tensor([[0.3 / 5 * 1.0, 0.08], [1.0, 1.0]])
    border[0] = torch.tensor([0.06, 0.08])  # its distance is zero
    assert distances(border)[0].abs() < 1e-6
    y = torch.tensor([1, 1])
    found = randomised_smoothing(model, border, y, draws=300, selection=20)
    assert found.proved.tolist() == [False, True]
    assert not found.refuted.any()
    assert "of 1 of 2 examples nothing is said" in found.notes[1]
    classes, sure = smoothed(model, border, draws=300)
    assert sure.tolist() == [False, True]
    assert classes[1] == 1
    with pytest.raises(UsageError, match="draws=0 is out of range"):
        build("randomised-smoothing:draws=0", kind="verifier")
