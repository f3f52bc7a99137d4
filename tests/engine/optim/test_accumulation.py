"""Microbatches equal the full batch: uneven, masked, weighted, and in the last window."""

import pytest
import torch
from torch import nn

from cartograd.core.protocols import Loss
from cartograd.engine.loop.evaluate import validation
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import mlp, quadrants


class Weighted(Supervised):
    """Weights of examples, also zero: the mean is the weighted one."""

    def losses(self, batch):
        x, y, weight = batch
        yield Loss(nn.functional.cross_entropy(self.model(x), y, reduction="none"), weight=weight)


class Tokens(Supervised):
    """A loss for each position of a sequence; padded positions weigh nothing."""

    def losses(self, batch):
        x, y, _ = batch
        logits = self.model(x).unflatten(1, (3, 2))
        targets = torch.stack([y, 1 - y, y], 1)
        loss = nn.functional.cross_entropy(logits.mT, targets, reduction="none")
        yield Loss(loss, weight=self.kept(x))

    @staticmethod
    def kept(x):
        return torch.stack([x[:, 0] > -9, x[:, 0] > 0, x[:, 1] > 0], 1).double()


def data(n=22):
    x, y = quadrants(n)
    weight = torch.rand(n, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    weight[4:8] = 0.0
    weight[15] = 0.0
    return x.double(), y, weight


def trained(make, parts, accumulate, **options):
    model = mlp(2, 8, 2 if make is Weighted else 6).double()
    batches = list(zip(*(tensor.split(parts) for tensor in data()), strict=True))
    options = {"optimizers": "sgd:lr=0.5,momentum=0.9", "epochs": 3} | options
    run = fit(make(model), batches, accumulate=accumulate, **options)
    return [parameter.detach() for parameter in model.parameters()], run


@pytest.mark.law("accumulation")
@pytest.mark.parametrize("make", [Weighted, Tokens])
@pytest.mark.parametrize("clip", [None, 0.1, "adaptive:max=0.01"])
@pytest.mark.parametrize("parts", [[1, 3, 4, 8, 6], [4] * 5 + [2], [21, 1]])
def test_weighted_losses_in_uneven_parts_equal_the_full_batch(make, parts, clip):
    """One part of weights that are all zero among them."""
    whole, one = trained(make, [22], 1, clip=clip)
    cut, two = trained(make, parts, len(parts), clip=clip)
    for a, b in zip(whole, cut, strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)
    for a, b in zip(one.history, two.history, strict=True):
        assert a["train/loss"] == pytest.approx(b["train/loss"], rel=1e-12)


@pytest.mark.parametrize("parts", [[4, 4, 4, 4, 4, 2], [5, 5, 5, 5, 2]])
def test_the_last_window_of_an_epoch_is_a_batch_of_its_own(parts):
    """Windows of four microbatches, the second shorter: as two batches of those sizes."""
    sizes = [sum(parts[:4]), sum(parts[4:])]
    for make in (Weighted, Tokens):
        whole, one = trained(make, sizes, 1, schedules="cosine")
        cut, two = trained(make, parts, 4, schedules="cosine")
        for a, b in zip(whole, cut, strict=True):
            torch.testing.assert_close(a, b, atol=1e-12, rtol=0)
        assert one.steps == two.steps == 6


def test_a_weighted_loss_is_the_weighted_mean():
    """By hand, float64: gradient, the mean that is logged, and the mean in validation."""
    x, y, weight = data()
    model, other = mlp(2, 8, 2).double(), mlp(2, 8, 2).double()
    run = fit(Weighted(model), [(x, y, weight)], optimizers="sgd:lr=0.5", epochs=1)
    loss = nn.functional.cross_entropy(other(x), y, reduction="none")
    mean = (weight * loss).sum() / weight.sum()
    mean.backward()
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs - 0.5 * theirs.grad, atol=1e-12, rtol=0)
    assert run.history[0]["train/loss"] == pytest.approx(float(mean.detach()), rel=1e-12)

    class Plain(Weighted):
        validate = None

    parts = list(zip(*(tensor.split([3, 5, 14]) for tensor in (x, y, weight)), strict=True))
    found = validation(
        Plain(other), Parts(parts), model=None, metrics={}, device=torch.device("cpu"),
        precision="float32", seed=0,
    )  # fmt: skip
    assert found == {"valid/loss": pytest.approx(float(mean.detach()), rel=1e-6)}


class Parts:
    def __init__(self, parts):
        self.parts = parts

    def epoch(self, number, /, *, seed, start=0):
        return iter(self.parts[start:])

    def __len__(self):
        return len(self.parts)


def test_a_batch_without_a_single_weight_gives_no_gradient():
    x, y, weight = data()
    model = mlp(2, 8, 2).double()
    before = model[0].weight.detach().clone()
    run = fit(Weighted(model), [(x, y, 0 * weight)], optimizers="sgd:lr=0.5", epochs=2)
    assert torch.equal(model[0].weight, before)
    assert run.steps == 2
