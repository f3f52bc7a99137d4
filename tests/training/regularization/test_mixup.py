import pytest
import torch
import torch.nn.functional as F

from cartograd.training.regularization.mixup import blend, mixup, shares


@pytest.mark.oracle("mixup")
def test_equals_torchvision_with_its_share_and_partners():
    v2 = pytest.importorskip("torchvision.transforms.v2")
    x, classes = torch.rand(6, 3, 4, 4, dtype=torch.float64), torch.arange(6) % 3
    theirs = v2.MixUp(num_classes=3)
    parameters = {"labels": classes, "batch_size": 6, "num_classes": 3, "lam": 0.3}
    share = torch.full((6,), 0.3, dtype=torch.float64)
    targets = F.one_hot(classes, 3).double()
    torch.testing.assert_close(
        blend(x, x.roll(1, 0), share), theirs.transform(x, parameters), rtol=0, atol=1e-10
    )
    torch.testing.assert_close(
        blend(targets, targets.roll(1, 0), share).float(), theirs.transform(classes, parameters)
    )


@pytest.mark.law("mixup")
def test_targets_stay_distributions_and_blend_as_the_inputs():
    targets = F.one_hot(torch.arange(50) % 5, 5).double()
    x, mixed = mixup(targets.clone(), targets, alpha=0.8)
    assert torch.equal(x, mixed)
    torch.testing.assert_close(mixed.sum(1), torch.ones(50).double(), rtol=0, atol=1e-12)
    assert ((mixed > 0).sum(1) == 2).double().mean() > 0.5


@pytest.mark.law("mixup")
@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_are_betas(alpha):
    drawn = shares(50_000, torch.Generator().manual_seed(0), alpha=alpha)
    assert drawn.mean().item() == pytest.approx(0.5, abs=0.01)
    assert drawn.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)


@pytest.mark.law("mixup")
def test_a_generator_repeats_it():
    x, targets = torch.randn(8, 3), torch.eye(8)
    one, two, other = (mixup(x, targets, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one[0], two[0])
    assert not torch.equal(one[0], other[0])
