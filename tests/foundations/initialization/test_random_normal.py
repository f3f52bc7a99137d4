import pytest
import torch

from cartograd.architectures.mlp import MLP
from cartograd.foundations.initialization.initialise import initialise
from cartograd.foundations.initialization.random_normal import random_normal
from cartograd.foundations.initialization.variances import variances
from tests.reference import Reference

stats = Reference("scipy.stats")


@pytest.mark.law("random-normal")
@pytest.mark.parametrize("std", [0.01, 2.0])
def test_mean_and_variance_are_as_asked(std):
    weight = random_normal(torch.empty(400, 500), std=std).double()
    assert weight.mean().item() == pytest.approx(0, abs=0.01 * std)
    assert weight.var().item() == pytest.approx(std**2, rel=0.02)
    assert stats.kstest(weight.flatten().numpy() / std, "norm").pvalue > 0.01


@pytest.mark.law("random-normal")
def test_activations_fade_through_depth():
    model = MLP(features=256, classes=256, widths=(256,) * 20, activation="tanh")
    spread = variances(initialise(model, "random-normal:std=0.01"), torch.randn(200, 256))
    assert spread[-1].activation / spread[0].activation < 1e-20
