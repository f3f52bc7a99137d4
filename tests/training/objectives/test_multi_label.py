import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.verbs.plan import planned
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.training.objectives.multi_label import MultiLabel


def examples(n=12):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(n, 3, generator=generator)
    return x, (torch.randn(n, 2, generator=generator) > 0).float()


def taught():
    """A network, and its examples with a target for each label."""
    return lambda: nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)), examples


@pytest.mark.oracle("multi-label")
def test_trains_as_a_hand_written_loop():
    x, y = (one.double() for one in examples())
    ours, theirs = nn.Linear(3, 2).double(), nn.Linear(3, 2).double()
    theirs.load_state_dict(ours.state_dict())
    (loss,) = MultiLabel(model=ours).losses((x, y.bool()))
    loss.value.mean().backward()
    nn.BCEWithLogitsLoss()(theirs(x), y).backward()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=1e-10)


@pytest.mark.oracle("multi-label")
def test_pos_weight_is_torchs():
    x, y = (one.double() for one in examples())
    model = nn.Linear(3, 2).double()
    (loss,) = MultiLabel(model=model, pos_weight=(0.5, 7.0)).losses((x, y))
    expected = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([0.5, 7.0]).double())(model(x), y)
    torch.testing.assert_close(loss.value.mean(), expected, rtol=0, atol=1e-10)


def test_balanced_weights_of_classes_are_those_of_labels():
    x, y = examples(60)
    y[:, 1] = (torch.arange(60) < 12).float()
    data = cg.tensors(x.numpy(), y.numpy(), task="multi-label")
    plan = planned("mlp", data, class_weights="balanced")
    have = data.train.targets.double().mean(0)
    expected = ((1 - have) / have).tolist()
    assert plan.objective.loss.keywords["pos_weight"] == pytest.approx(expected)
    assert any("class weights:" in line for line in plan.data.about["decided"])


@pytest.mark.law("multi-label")
def test_the_share_of_each_label_is_learned_where_inputs_say_nothing():
    y = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    model = nn.Linear(1, 3)
    objective = MultiLabel(model=model)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=100, tolerance_grad=1e-9)

    def closure():
        optimizer.zero_grad()
        (loss,) = objective.losses((torch.zeros(4, 1), y))
        loss.value.mean().backward()
        return loss.value.mean()

    optimizer.step(closure)
    torch.testing.assert_close(model.bias.sigmoid(), y.mean(0), rtol=0, atol=1e-4)


def test_blends_have_shares_of_labels():
    x, y = examples()
    (loss,) = build("multi-label", mix="mixup:alpha=1.0", model=nn.Linear(3, 2)).losses((x, y))
    assert loss.value.shape == (12,)
    with pytest.raises(UsageError, match="bcee"):
        build("multi-label:loss=bcee", model=nn.Linear(3, 2))
