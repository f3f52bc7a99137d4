import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Objective
from cartograd.engine.loop.fit import fit
from cartograd.training.losses.focal import focal
from cartograd.training.objectives.classify import Classify


def small():
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()


def batches(count=5, size=8):
    return [
        (torch.randn(size, 4, dtype=torch.float64), torch.randint(3, (size,))) for _ in range(count)
    ]


@pytest.mark.oracle("classify")
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_trains_as_a_hand_written_loop(smoothing):
    model, data = small(), batches()
    by_hand = copy.deepcopy(model)
    fit(
        Classify(model=model, label_smoothing=smoothing),
        data,
        optimizers="sgd:lr=0.1,momentum=0.9",
        epochs=2,
        device="cpu",
    )
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        for x, y in data:
            optimizer.zero_grad()
            F.cross_entropy(by_hand(x), y, label_smoothing=smoothing).backward()
            optimizer.step()
    for ours, expected in zip(model.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-10)


@pytest.mark.law("classify")
def test_uneven_microbatches_equal_the_full_batch():
    model = small()
    ((x, y),) = batches(count=1)
    (whole,) = Classify(model=model).losses((x, y))
    parts = [
        next(Classify(model=model).losses(part)).value for part in ((x[:5], y[:5]), (x[5:], y[5:]))
    ]
    torch.testing.assert_close(torch.cat(parts), whole.value, rtol=0, atol=1e-12)


@pytest.mark.law("classify")
def test_a_single_logit_is_learned_by_binary_cross_entropy():
    torch.manual_seed(0)
    model = nn.Linear(4, 1).double()
    x, y = torch.randn(9, 4).double(), torch.arange(9) % 2
    found = Classify(model=model).validate((x, y))
    expected = F.binary_cross_entropy_with_logits(model(x)[:, 0], y.double(), reduction="none")
    torch.testing.assert_close(found["loss"], expected, rtol=0, atol=1e-12)
    assert found["outputs"].shape == (9, 1)


def test_takes_models_of_several_inputs():
    model = nn.Bilinear(4, 2, 3)
    batch = torch.randn(5, 4), torch.randn(5, 2), torch.zeros(5, dtype=torch.int64)
    (loss,) = Classify(model=model).losses(batch)
    assert loss.player == "model"
    assert loss.value.shape == (5,)


def test_is_built_by_name():
    objective = build("classify:label_smoothing=0.1", model=small())
    assert isinstance(objective, Objective)
    assert objective.label_smoothing == 0.1


def test_lowers_another_loss_by_name():
    model = small()
    ((x, y),) = batches(count=1)
    (loss,) = build("classify:loss=focal:gamma=1.5", model=model).losses((x, y))
    torch.testing.assert_close(loss.value, focal(model(x), y, gamma=1.5), rtol=0, atol=1e-12)


def test_smoothing_is_for_the_loss_that_has_it():
    with pytest.raises(UsageError, match="unknown argument of hinge 'label_smoothing'"):
        Classify(model=small(), loss="hinge", label_smoothing=0.1)
    with pytest.raises(UsageError, match="of kind 'metric', expected 'loss'"):
        Classify(model=small(), loss="accuracy")


class Headed(nn.Linear):
    """A classifier with two side heads in training."""

    aux_logits = True

    def forward(self, x):
        z = super().forward(x)
        return (z, 2 * z, 3 * z) if self.training else z


@pytest.mark.law("classify")
@pytest.mark.parametrize("mix", [None, "mixup:alpha=0.5"])
def test_auxiliary_heads_count_in_training_only(mix):
    model, torch_loss = Headed(4, 3).double(), torch.nn.functional.cross_entropy
    x, y = torch.randn(6, 4, dtype=torch.float64), torch.arange(6) % 3
    z = nn.functional.linear(x, model.weight, model.bias)
    each = [torch_loss(factor * z, y, reduction="none") for factor in (1, 2, 3)]
    objective = Classify(model=model, aux_weight=0.4)
    (loss,) = objective.losses((x, y))
    torch.testing.assert_close(loss.value, each[0] + 0.4 * (each[1] + each[2]))
    model.eval()
    found = objective.validate((x, y))
    torch.testing.assert_close(found["loss"], each[0])
    torch.testing.assert_close(found["outputs"], z)
    model.train()
    (blended,) = Classify(model=model, aux_weight=0.4, mix=mix).losses((x, y))
    assert blended.value.shape == (6,)
