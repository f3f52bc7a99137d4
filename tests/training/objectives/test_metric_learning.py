"""Metric learning against triplets and pairs one by one, and by what it retrieves."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.training.objectives.metric_learning import MetricLearning, recall_at_1


def network(features=4, classes=3, width=6):
    return nn.Sequential(nn.Linear(features, width), nn.Tanh(), nn.Linear(width, classes))


def example():
    torch.manual_seed(0)
    x, y = torch.randn(9, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 0])
    return network().double(), (x, y)


def one_by_one(unit, classes, margin):
    """The triplet loss of each example with the hardest of the batch."""
    found = []
    for a in range(len(unit)):
        away = [(unit[a] - other).norm().item() for other in unit]
        near = [i for i in range(len(unit)) if classes[i] == classes[a]]
        far = [i for i in range(len(unit)) if classes[i] != classes[a]]
        p, n = max(near, key=lambda i: away[i]), min(far, key=lambda i: away[i])
        rows = (unit[k][None] for k in (a, p, n))
        found.append(F.triplet_margin_loss(*rows, margin=margin, eps=0.0))
    return torch.stack(found)


def all_pairs(unit, classes, margin):
    """Half the squared distance of those alike, half the squared lack of the others."""
    rows = []
    for a in range(len(unit)):
        others = [
            (unit[a] - unit[b]).norm() if classes[a] == classes[b]
            else (margin - (unit[a] - unit[b]).norm()).clamp(min=0)
            for b in range(len(unit)) if b != a
        ]  # fmt: skip
        rows.append(torch.stack(others).square().mean() / 2)
    return torch.stack(rows)


@pytest.mark.oracle("metric-learning")
@pytest.mark.parametrize(("loss", "by_hand"), [("triplet", one_by_one), ("contrastive", all_pairs)])
def test_equals_triplets_and_pairs_one_by_one(loss, by_hand):
    model, (x, y) = example()
    (found,) = MetricLearning(model=model, loss=f"{loss}:margin=0.7").losses((x, y))
    unit = F.normalize(model[:2](x), dim=1)
    expected = by_hand(unit, y, 0.7) + F.cross_entropy(model(x), y, reduction="none")
    torch.testing.assert_close(found.value, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.law("metric-learning")
def test_the_embedding_learns_from_distances_and_the_probe_from_classes_alone():
    model, (x, y) = example()
    (found,) = MetricLearning(model=model, loss="triplet:margin=0.7").losses((x, y))
    found.value.sum().backward()
    own, probe = model[0].weight.grad.clone(), model[2].weight.grad.clone()
    model.zero_grad()
    one_by_one(F.normalize(model[:2](x), dim=1), y, 0.7).sum().backward()
    torch.testing.assert_close(own, model[0].weight.grad, rtol=1e-9, atol=1e-10)
    model.zero_grad()
    F.cross_entropy(model(x), y, reduction="sum").backward()
    torch.testing.assert_close(probe, model[2].weight.grad, rtol=1e-9, atol=1e-10)


@pytest.mark.law("metric-learning")
@pytest.mark.parametrize("loss", ["triplet:margin=0.2", "contrastive:margin=1"])
def test_it_retrieves_better_than_untrained_features(loss):
    """Recall at 1 and a probe's accuracy on the test digits, beside a frozen random embedding."""
    data = cg.dataset("digits")
    found = {}
    for name in ("untrained", "trained"):
        torch.manual_seed(0)
        model = build("mlp:widths=[32]", signature=data.signature)
        if name == "untrained":
            model.model.hidden.requires_grad_(False)
        fit(
            MetricLearning(model=model, loss=loss), data.train.batches(batch_size=64),
            optimizer="adamw:lr=3e-3", epochs=4, device="cpu",
        )  # fmt: skip
        model.eval()
        checked = MetricLearning(model=model, loss=loss).validate(
            (data.test.inputs, data.test.targets)
        )
        right = (checked["outputs"].argmax(1) == data.test.targets).double().mean().item()
        found[name] = checked["recall@1"].double().mean().item(), right
    assert found["trained"][0] > found["untrained"][0] + 0.02
    assert found["trained"][1] > found["untrained"][1] + 0.05


def test_what_has_no_partner_has_no_loss_of_distances():
    model, (x, _) = example()
    for loss in ("triplet", "contrastive"):
        objective = MetricLearning(model=model, loss=loss)
        for rows in (x[:1], x[[0, 3, 6]]):
            (found,) = objective.losses((rows, torch.zeros(len(rows), dtype=torch.long)))
            assert found.value.isfinite().all()
    assert recall_at_1(torch.tensor([[0.0], [0.1], [9.0]]), torch.tensor([1, 1, 2])).tolist() == [
        1, 1, 0,
    ]  # fmt: skip


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="no loss of pairs or triplets"):
        MetricLearning(model=network(), loss="hinge")
    with pytest.raises(UsageError, match="has no linear layer"):
        MetricLearning(model=nn.Conv1d(1, 1, 1))
    rows = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    with pytest.raises(UsageError, match="expected a classifier"):
        next(MetricLearning(model=rows).losses((torch.randn(2, 5, 4), torch.zeros(2).long())))
