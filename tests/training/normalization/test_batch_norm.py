import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.training.normalization.batch_norm import BatchNorm

LAYERS = {(8, 3): nn.BatchNorm1d, (8, 3, 5): nn.BatchNorm1d, (4, 3, 5, 2): nn.BatchNorm2d} | {
    (4, 3, 2, 2, 2): nn.BatchNorm3d
}


@pytest.mark.oracle("batch-norm")
@pytest.mark.parametrize("shape", LAYERS)
def test_equals_torch_in_training_and_evaluation(shape):
    ours = BatchNorm(channels=3, decay=0.8, eps=1e-3).double()
    theirs = LAYERS[shape](3, eps=1e-3, momentum=0.2).double()
    for layer in (ours, theirs):
        layer.weight.data, layer.bias.data = torch.tensor([[1.0, -2, 3], [4, 5, 6]]).double()
    for training in (True, True, False):
        ours.train(training), theirs.train(training)
        x = 3 * torch.randn(shape, dtype=torch.float64) + 1
        weights = torch.randn_like(x)
        found = []
        for layer in (ours, theirs):
            layer.zero_grad()
            given = x.clone().requires_grad_()
            answer = layer(given)
            (answer * weights).sum().backward()
            found.append((answer.detach(), given.grad, layer.weight.grad, layer.bias.grad))
        torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-10)
        torch.testing.assert_close(ours.running_mean, theirs.running_mean, rtol=0, atol=1e-10)
        torch.testing.assert_close(ours.running_var, theirs.running_var, rtol=0, atol=1e-10)


@pytest.mark.law("batch-norm")
def test_small_batches_misjudge_the_statistics():
    """How far the training answer is from what the true statistics would give."""
    layer = BatchNorm(channels=1)
    error = {}
    for size in (4, 256):
        x = torch.randn(2000, size, 1)
        answers = torch.stack([layer(batch) for batch in x])
        error[size] = (answers - x).square().mean().sqrt().item()
    assert error[4] > 0.5
    assert error[4] > 7 * error[256]


def test_state_is_torchs():
    theirs = nn.BatchNorm2d(3).state_dict()
    theirs.pop("num_batches_tracked")
    BatchNorm(channels=3).load_state_dict(theirs, strict=True)


def test_a_single_number_is_refused():
    with pytest.raises(UsageError, match="a single number has no variance"):
        BatchNorm(channels=3)(torch.ones(1, 3))
