import pytest
import torch

from cartograd.training.optimizers.gd import compare, descent, gradient


def problem():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(60, 5, dtype=torch.float64, generator=draw)
    return x, (x @ torch.randn(5, 3, dtype=torch.float64, generator=draw)).argmax(1)


@pytest.mark.oracle("descent")
def test_equals_torch_on_the_same_batches():
    x, y = problem()
    for one in compare(x, y, lr=0.3, epochs=3, batch_size=16):
        layer = torch.nn.Linear(5, 3).double()
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.3)
        draw, losses = torch.Generator().manual_seed(0), []
        for _ in range(3):
            for part in torch.randperm(60, generator=draw).split(one.batch_size):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(layer(x[part]), y[part]).backward()
                optimizer.step()
            losses.append(torch.nn.functional.cross_entropy(layer(x), y).item())
        assert one.losses[1:] == pytest.approx(losses, abs=1e-10)


def test_the_gradient_is_autograds():
    x, y = problem()
    weight = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, dtype=torch.float64, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(x @ weight + bias, y)
    expected = torch.autograd.grad(loss, (weight, bias))
    for ours, theirs in zip(gradient(weight.detach(), bias.detach(), x, y), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.law("descent")
def test_smaller_batches_are_ahead_after_as_many_examples_and_jitter_more():
    batch, some, single = descent(epochs=3)
    assert (batch.steps, some.steps, single.steps) == (3, 3 * 40, 3 * 1264)
    assert batch.losses[-1] > some.losses[-1] > single.losses[-1]
    assert batch.losses[0] == some.losses[0] == single.losses[0]
    assert batch.rises <= some.rises < single.rises
    assert single.rises > 0.3
