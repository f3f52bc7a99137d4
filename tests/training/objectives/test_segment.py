"""The loss of masks: torch's cross-entropy pixel by pixel, and Dice of whole pictures."""

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.optim.accumulation import mean
from cartograd.training.losses.soft_dice import soft_dice
from cartograd.training.objectives.segment import Segment
from tests.reference import Reference

ops = Reference("torchvision.ops")


def batch(n=4, k=3, size=6):
    """Pictures of two channels, and masks with pixels that have no label."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(n, 2, size, size, generator=draw, dtype=torch.float64)
    y = torch.randint(k, (n, size, size), generator=draw)
    return x, y.where(torch.rand(y.shape, generator=draw) > 0.3, -100)


def taught():
    """A network that names each pixel of a small picture, and n of these."""

    def masked(n):
        x = torch.rand(n, 2, 4, 4, generator=torch.Generator().manual_seed(0))
        return x, (3 * x[:, 0]).long().clamp(max=2)

    return lambda: nn.Conv2d(2, 3, 3, padding=1), masked


def lowered(objective, given):
    """The number that the engine lowers, and its gradients."""
    objective.zero_grad()
    loss = next(objective.losses(given))
    value = (loss.value * loss.weight).sum() / loss.weight.sum()
    value.backward()
    return value.detach(), [p.grad.clone() for p in objective.parameters()]


@pytest.mark.oracle("segment")
@pytest.mark.parametrize("weights", [None, (0.2, 1.0, 3.0)])
def test_equals_torchs_cross_entropy_of_the_whole_batch(weights):
    x, y = batch()
    torch.manual_seed(0)
    model = nn.Conv2d(2, 3, 3, padding=1).double()
    own = Segment(model=model, dice=0.0, class_weights=weights).double()
    value, gradients = lowered(own, (x, y))
    given = None if weights is None else torch.tensor(weights).double()
    theirs = nn.CrossEntropyLoss(weight=given, ignore_index=-100)
    model.zero_grad()
    expected = theirs(model(x), y)
    expected.backward()
    torch.testing.assert_close(value, expected.detach(), rtol=1e-6 if weights else 1e-10, atol=0)
    for gradient, parameter in zip(gradients, model.parameters(), strict=True):
        torch.testing.assert_close(
            gradient, parameter.grad, rtol=1e-6 if weights else 1e-10, atol=1e-12
        )


@pytest.mark.oracle("segment")
def test_focal_loss_of_two_classes_is_torchvisions_pixel_by_pixel():
    x, y = batch(k=2)
    y = y.clamp(min=0)
    model = nn.Conv2d(2, 2, 1).double()
    objective = Segment(model=model, dice=0.0, loss="focal:gamma=2").double()
    found = next(objective.losses((x, y))).value
    logits = model(x)
    margin = logits[:, 1] - logits[:, 0]
    expected = ops.sigmoid_focal_loss(margin, y.double(), alpha=-1, gamma=2)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.law("segment")
def test_dice_is_nothing_for_sure_right_masks_and_hears_the_rare_class():
    y = torch.zeros(1, 100, dtype=torch.int64)
    y[0, :2] = 1
    right = 40.0 * nn.functional.one_hot(y, 3).double()
    assert soft_dice(right, y).item() == pytest.approx(0, abs=1e-9)  # class 2 is nowhere
    without = y.clone()
    without[0, 50:] = -100
    wrong = right.clone()
    wrong[0, 50:] = right[0, :1]  # what is said where there is no label counts for nothing
    assert torch.equal(soft_dice(wrong, without), soft_dice(right, without))
    blind = 40.0 * nn.functional.one_hot(torch.zeros_like(y), 3).double()
    missed = build("cross-entropy", kind="loss")(blind / 40, y).mean()
    assert soft_dice(blind, y).item() > 0.2  # two pixels of a hundred are missed
    hit = build("cross-entropy", kind="loss")(right / 40, y).mean()
    assert (missed - hit) < 0.03


@pytest.mark.law("segment")
def test_microbatches_give_the_gradient_of_the_whole():
    x, y = batch()
    torch.manual_seed(0)
    objective = Segment(model=nn.Conv2d(2, 3, 3, padding=1).double(), dice=0.7).double()
    whole = next(objective.losses((x, y)))
    parts = [next(objective.losses((x[i], y[i]))) for i in (slice(0, 1), slice(1, 4))]
    total = sum((part.value * part.weight).sum() for part in parts)
    joined = total / sum(part.weight.sum() for part in parts)
    own, _ = mean(whole, 4)
    torch.testing.assert_close(own, joined, rtol=1e-12, atol=0)


def test_evaluation_tells_accuracy_and_refusals():
    x, y = batch()
    objective = Segment(model=nn.Conv2d(2, 3, 1).double()).eval()
    told = next(objective.losses((x, y))).metrics["accuracy"]
    assert len(told) == int((y >= 0).sum())
    with pytest.raises(UsageError, match="loss=none and dice=0 leave nothing"):
        Segment(model=nn.Identity(), loss=None, dice=0.0)
    with pytest.raises(UsageError, match=r"expected logits \(b, k, y, x\)"):
        next(Segment(model=nn.Flatten()).losses((x, y)))
    weighed = Segment(model=nn.Conv2d(2, 3, 1).double(), class_weights=(1.0, 2.0))
    with pytest.raises(UsageError, match="2 class_weights for 3 classes"):
        next(weighed.losses((x, y)))
