"""A small problem, stepped by an update rule of ours and by an optimizer of torch."""

import torch

TARGET = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.1, -1.0]], dtype=torch.float64)
CURVATURE = torch.tensor([[1.0, 10.0, 0.1], [2.0, 0.01, 5.0]], dtype=torch.float64)
START = torch.tensor([[0.3, 0.2, -0.7], [0.1, -0.4, 0.9]], dtype=torch.float64)


def gradient(weight):
    """Of a bowl that is steep in some directions and flat in others, with a ripple."""
    return CURVATURE * (weight - TARGET) + 0.3 * weight.sin()


def ours(update, /, *, steps=20, start=START, slope=gradient, **settings):
    """The weights after each step of a rule."""
    weight, memory, path = start.clone(), {}, []
    for _ in range(steps):
        weight, memory = update(weight, slope(weight), memory, **settings)
        path.append(weight)
    return torch.stack(path)


def torchs(make, /, *, steps=20, start=START, slope=gradient, **settings):
    """The weights after each step of torch's optimizer."""
    weight, path = torch.nn.Parameter(start.clone()), []
    optimizer = make([weight], **settings)
    for _ in range(steps):
        weight.grad = slope(weight.detach())
        optimizer.step()
        path.append(weight.detach().clone())
    return torch.stack(path)


def close(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=1e-10)
