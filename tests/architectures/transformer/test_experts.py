"""Experts: the sum of the chosen ones, one position at a time."""

import pytest
import torch

from cartograd.architectures.transformer.experts import Experts
from cartograd.core.errors import UsageError


def takes(n):
    return (torch.randn(n, 5, 8),)


@pytest.mark.law("experts")
@pytest.mark.parametrize("form", ["swiglu", "clamped"])
@pytest.mark.parametrize("normalised", [True, False])
def test_the_best_few_are_added(form, normalised):
    torch.manual_seed(0)
    layer = Experts(dim=6, ffn_dim=8, experts=5, k=2, form=form, normalised=normalised).double()
    x = torch.randn(2, 4, 6, dtype=torch.float64)
    found = layer(x)
    for row, answer in zip(x.flatten(0, 1), found.flatten(0, 1), strict=True):
        shares = layer.router(row).softmax(0)
        best = shares.topk(2).indices
        whole = shares[best].sum() if normalised else 1
        expected = sum(shares[n] / whole * layer.experts[n](row) for n in best.tolist())
        torch.testing.assert_close(answer, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.law("experts")
def test_all_of_them_are_a_mean():
    layer = Experts(dim=6, ffn_dim=8, experts=3, k=3).double()
    x = torch.randn(1, 4, 6, dtype=torch.float64)
    shares = layer.router(x).softmax(2)
    answers = torch.stack([expert(x) for expert in layer.experts], 2)
    torch.testing.assert_close(layer(x), (shares[..., None] * answers).sum(2))


def test_more_than_there_are():
    with pytest.raises(UsageError, match="experts: k=3 of experts=2"):
        Experts(dim=4, ffn_dim=4, experts=2, k=3)
