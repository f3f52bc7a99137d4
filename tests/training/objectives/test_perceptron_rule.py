import pytest
import torch
from torch import nn

from cartograd.architectures.perceptron import Perceptron
from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.training.objectives.perceptron_rule import PerceptronRule


def rosenblatt(x, y, *, epochs):
    """His rule, as it was first written: w, b and the mistakes of each epoch."""
    w, b, mistakes = torch.zeros(x.shape[1], dtype=x.dtype), torch.zeros((), dtype=x.dtype), []
    for _ in range(epochs):
        mistakes.append(0)
        for example, target in zip(x, y, strict=True):
            answer = 1 if w @ example + b > 0 else 0
            if answer != target:
                w, b = w + (target - answer) * example, b + (target - answer)
                mistakes[-1] += 1
    return w, b, mistakes


@pytest.mark.law("perceptron-rule")
@pytest.mark.parametrize("seed", range(3))
def test_the_engine_takes_rosenblatts_steps(seed):
    torch.manual_seed(seed)
    x = torch.randn(60, 4, dtype=torch.float64)
    y = (x @ torch.randn(4, dtype=torch.float64) + torch.randn(60) > 0).long()  # with errors
    w, b, mistakes = rosenblatt(x, y, epochs=4)
    model = Perceptron(features=4).double()
    run = fit(
        PerceptronRule(model=model),
        [(x[i : i + 1], y[i : i + 1]) for i in range(60)],
        optimizers="sgd:lr=1.0",
        epochs=4,
        device="cpu",
    )
    torch.testing.assert_close(model.unit.weight.detach(), w, rtol=0, atol=1e-10)
    torch.testing.assert_close(model.unit.bias.detach(), b, rtol=0, atol=1e-10)
    found = [round(60 * record["train/mistakes"]) for record in run.history]
    assert found == mistakes
    assert sum(mistakes) > 10


def test_a_right_answer_changes_nothing():
    model = Perceptron(features=2)
    model.unit.load_state_dict({"weight": torch.tensor([1.0, 0.0]), "bias": torch.tensor(0.0)})
    (loss,) = PerceptronRule(model=model).losses((torch.eye(2), torch.tensor([1, 0])))
    loss.value.sum().backward()
    assert loss.value.tolist() == [0, 0]
    assert not model.unit.weight.grad.any()


def test_a_model_of_more_classes_is_refused():
    objective = PerceptronRule(model=nn.Linear(2, 3))
    with pytest.raises(UsageError, match="for two classes, use classify"):
        next(objective.losses((torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64))))
