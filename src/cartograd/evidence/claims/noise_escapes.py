"""How many steps it takes to leave known saddle points, with the whole gradient and with batches'.

Of three kinds, on two sets of images whose pixels are centred and scaled to an intensity of 1:

- `direction`: one unit with tied weights, |x - w w'x|^2, at the fifth principal direction. It can
  be left towards the first four, and single examples push that way.
- `mode`: a linear net of two layers, on 16 whitened principal directions, at the best answer of
  rank 3 to the classes, its other hidden units zero, which training from a small start comes by. It
  can be left by the fourth mode, but every single example's gradient for a unit that is zero is
  zero, too.
- `zero`: a tanh net with all weights zero and the classes' logarithmic frequencies as biases.

References:
    Rong Ge, Furong Huang, Chi Jin, Yang Yuan. Escaping from saddle points: online stochastic
    gradient for tensor decomposition. 2015. https://arxiv.org/abs/1503.02101
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few

CLAIM = Claim(
    id="noise-escapes",
    place="challenge/surface",
    en="Gradient noise helps to leave saddle points",
    zh="噪声有助于跳出鞍点",
    hypothesis="Three kinds of saddles known in closed form, on 1000 digits and on 1000 clothes: "
    "the fifth principal direction for one unit with tied weights; a linear net of two layers "
    "that has learned three modes of the classes; a tanh net with all weights zero. Descent starts "
    "a thousandth of the weights' length (of 1 at zero) beside the saddle, in the same random "
    "direction for the gradient over all examples and for batches of 16, at the same rate. Left is "
    "it once the loss over all examples has fallen by a tenth of what is to be gained. Noise "
    "helps if the whole gradient takes more steps than the batches', by a tenth at least, on each "
    "of the six.",
    rule=(
        "ratio whole/batches, digits, direction > 1.1",
        "ratio whole/batches, digits, mode > 1.1",
        "ratio whole/batches, digits, zero > 1.1",
        "ratio whole/batches, clothes, direction > 1.1",
        "ratio whole/batches, clothes, mode > 1.1",
        "ratio whole/batches, clothes, zero > 1.1",
    ),
    requires=("every share left >= 1",),
    seeds=8,
    data="fashion-mnist",
    draw=("digits, direction", "digits, mode", "digits, zero"),
    axes=("start's distance from the saddle", "steps with the whole gradient / with batches'"),
    scale="xy",
)
SETS = {"digits": "digits", "clothes": "fashion-mnist"}
RATES = {"direction": 0.05, "mode": 0.01, "zero": 0.5}
COUNT, BATCH, MOST, AWAY = 1000, 16, 20_000, 1e-3
DISTANCES = (1e-1, AWAY, 1e-5)
Weights = list[Tensor]
Loss = Callable[[Weights, Tensor, Tensor], Tensor]


def measure(seed: int, /) -> Measured:
    """Ratios of steps by set and saddle, and how they go with the distance of the start."""
    found, left = dict[str, float | Curve](), True
    for name, source in SETS.items():
        split = few(dataset(source).train, COUNT, seed=seed)
        x = split.inputs.flatten(1) - split.inputs.flatten(1).mean(0)
        x, y = x / x.square().sum(1).mean().sqrt(), F.one_hot(split.targets, 10).float()
        for kind, place in (("direction", _direction), ("mode", _mode), ("zero", _zero)):
            at, loss, goal = place(x, y)
            ratios = dict[float, float]()
            for distance in DISTANCES if name == "digits" else (AWAY,):
                start = _beside(at, distance, seed)
                descend = partial(_steps, start, loss, goal, x, y, RATES[kind])
                whole, noisy = descend(COUNT, seed), descend(BATCH, seed)
                ratios[distance] = whole / noisy
                if distance == AWAY:
                    left = left and max(whole, noisy) < MOST
                    found |= {f"whole, {name}, {kind}": whole, f"batches, {name}, {kind}": noisy}
            found[f"whole/batches, {name}, {kind}"] = ratios[AWAY]
            if len(ratios) > 1:
                found[f"{name}, {kind}"] = Curve([*ratios], [*ratios.values()])
    return found | {"share left": float(left)}


def _beside(at: Weights, distance: float, seed: int) -> Weights:
    """A point at a distance from the saddle, relative to the length of its weights."""
    draw = torch.Generator().manual_seed(seed)
    away = [torch.randn(weight.shape, generator=draw) for weight in at]
    length = sum(weight.square().sum() for weight in at) or torch.ones(())
    scale = distance * (length / sum(one.square().sum() for one in away)).sqrt()
    return [weight + scale * one for weight, one in zip(at, away, strict=True)]


def _steps(
    start: Weights, loss: Loss, goal: float, x: Tensor, y: Tensor, rate: float, size: int, seed: int
) -> int:
    """Steps of descent by batches of a size until the loss over all is below the goal."""
    weights = [weight.clone().requires_grad_() for weight in start]
    draw, order = torch.Generator().manual_seed(seed), torch.arange(0)
    for step in range(MOST):
        with torch.no_grad():
            if loss(weights, x, y).item() < goal:
                return step + 1
        if len(order) < size:
            order = torch.randperm(COUNT, generator=draw)
        batch, order = order[:size], order[size:]
        gradients = torch.autograd.grad(loss(weights, x[batch], y[batch]), weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight -= rate * gradient
    return MOST


def _direction(x: Tensor, y: Tensor) -> tuple[Weights, Loss, float]:
    """The fifth principal direction; a tenth of the way to the first is the goal."""
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))

    def loss(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
        (w,) = weights
        return (x - (x @ w)[:, None] * w).square().sum(1).mean()

    gain = values[-1] - values[-5]
    return [vectors[:, -5]], loss, (values.sum() - values[-5] - 0.1 * gain).item()


def _mode(x: Tensor, y: Tensor) -> tuple[Weights, Loss, float]:
    """The best linear answer of rank 3, balanced between the layers; ten hidden units."""
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    white, often = vectors[:, -16:] / values[-16:].sqrt(), y.mean(0)
    u, s, v = torch.linalg.svd((x @ white).T @ y / len(x))
    first, second = torch.zeros(16, 10), torch.zeros(10, 10)
    first[:, :3], second[:3] = u[:, :3] * s[:3].sqrt(), s[:3, None].sqrt() * v[:3]

    def loss(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
        first, second = weights
        return (x @ white @ first @ second - (y - often)).square().sum(1).mean()

    goal = loss([first, second], x, y) - 0.1 * s[3] ** 2
    return [first, second], loss, goal.item()


def _zero(x: Tensor, y: Tensor) -> tuple[Weights, Loss, float]:
    """All weights of a tanh net of 16 units zero; the biases answer with the frequencies."""
    often = y.mean(0)

    def loss(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
        first, second, bias = weights
        return F.cross_entropy((x @ first).tanh() @ second + bias, y)

    at = [torch.zeros(x.shape[1], 16), torch.zeros(16, 10), often.log()]
    entropy = -(often * often.log()).sum().item()
    return at, loss, 0.9 * entropy
