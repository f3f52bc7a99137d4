import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.engine.loop.evaluate import collect
from tests.engine.toys import mlp, quadrants


def test_outputs_and_targets_in_the_batches_order():
    x, y = quadrants(50)
    model = mlp(2, 8, 2, dropout=0.5)
    before = torch.get_rng_state()
    outputs, targets = collect(model, list(zip(x.split(16), y.split(16), strict=True)))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(targets, y)
    assert model.training
    torch.testing.assert_close(outputs, model.eval()(x))
    assert not outputs.is_inference()
    assert not outputs.requires_grad


def test_several_inputs():
    class Sum(nn.Module):
        def forward(self, a, b):
            return a + b

    x = torch.randn(6, 2)
    outputs, targets = collect(Sum(), [(x, x, torch.arange(6))])
    assert torch.equal(outputs, 2 * x)
    assert targets.tolist() == list(range(6))


def test_what_cannot_be_evaluated():
    with pytest.raises(UsageError, match="no batches to evaluate on"):
        collect(mlp(2, 2), [])
    with pytest.raises(UsageError, match="batches of the form"):
        collect(mlp(2, 2), [torch.zeros(3, 2)])


def test_each_part_gets_its_own_mode_back_even_after_an_error():
    model = mlp(2, 4, 2, dropout=0.5)
    model[2].eval()
    with pytest.raises(RuntimeError), evaluating(model, object()):  # noqa: PT012
        assert not any(part.training for part in model.modules())
        raise RuntimeError
    assert [part.training for part in model] == [True, True, False, True]
