"""How many steps it takes to leave known saddle points, by the whole gradient or by batches'."""

from functools import partial

import torch
from torch import Tensor

from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few
from cartograd.evidence.saddles import SADDLES, Loss, Weights, examples

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
    remark="It helps by two thirds where single examples push off the saddle, and the more the "
    "nearer the start. It does not at the two saddles that training from a small start comes by: a "
    "unit that is zero gets no gradient from any example, so that batches leave with the whole "
    "gradient. What holds of noise in all directions (Ge et al., 2015) is not true of batches'.",
    draw=("digits, direction", "digits, mode", "digits, zero"),
    axes=("start's distance from the saddle", "steps with the whole gradient / with batches'"),
    scale="xy",
)
SETS = {"digits": "digits", "clothes": "fashion-mnist"}
RATES = {"direction": 0.05, "mode": 0.01, "zero": 0.5}
COUNT, BATCH, MOST, AWAY = 1000, 16, 20_000, 1e-3
DISTANCES = (1e-1, AWAY, 1e-5)


def measure(seed: int, /) -> Measured:
    """Ratios of steps by set and saddle, and how they go with the distance of the start."""
    found, left = dict[str, float | Curve](), True
    for name, source in SETS.items():
        split = few(dataset(source).train, COUNT, seed=seed)
        x, y = examples(split)
        for kind, place in SADDLES.items():
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
