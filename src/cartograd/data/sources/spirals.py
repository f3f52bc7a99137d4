"""Spirals: arms wound around each other, one for each class.

Two intertwined spirals are the classical test of whether a network can bend its boundary: the
arms turn around the same centre, so every straight cut meets both many times.

Density: log p(x) = log 1/k sum_j int_0^1 N(x; a_j(t), noise^2 I) dt, where the arm of class j is
a_j(t) = r(t) (cos w(t), sin w(t)), r(t) = 0.2 + 1.8 t, w(t) = 2 pi (turns t + j / k).
Shapes: inputs `n d` with d = 2, targets `n` in 0..k-1.

Departures: points are drawn at random along the arms, with noise, where Lang and Witbrock laid
97 points at even angles on each of two arms.

References:
    K. Lang, M. Witbrock: Learning to Tell Two Spirals Apart, Connectionist Models Summer School,
    1988. https://www.cs.cmu.edu/afs/cs/project/ai-repository/ai/areas/neural/bench/cmu/0.html

>>> spirals(examples=100, classes=2).train.inputs.shape
torch.Size([100, 2])
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.mixture import around, drawn, log_mixture, quadrature
from cartograd.data.dataset.mixture import turns as in_turn

CARD = Card(
    name="spirals",
    kind="data",
    entry="spirals",
    title="Intertwined spirals",
    zh="缠绕的螺旋",
    paper="Lang & Witbrock, Learning to Tell Two Spirals Apart",
    year=1988,
    url="https://www.cs.cmu.edu/afs/cs/project/ai-repository/ai/areas/neural/bench/cmu/0.html",
    proofs=("law: the density integrates to 1, and the points fall as it says",),
    tiny={"examples": 32},
)


def spirals(
    *,
    examples: int = 1000,
    classes: int = 2,
    turns: float = 1.5,
    noise: float = 0.05,
    seed: int = 0,
) -> Dataset:
    """Points around spiral arms.

    Args:
        examples: training points; validation and test have half as many each.
        classes: how many arms; at least two.
        turns: how often an arm goes around the centre.
        noise: standard deviation around the arms, whose radius grows from 0.2 to 2.
        seed: of the random numbers.

    Raises:
        UsageError: there are fewer than two classes.
    """
    if classes < 2:
        raise UsageError(f"classes={classes} is out of range; expected at least 2")

    def draw(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        arm = in_turn(count, classes)
        position = torch.rand(count, generator=generator)
        return around(_curve(position, arm / classes, turns), noise, generator), arm

    return drawn("spirals", draw, examples=examples, classes=classes, seed=seed)


def log_density(
    x: Float[Tensor, "n d"],
    /,
    *,
    classes: int = 2,
    turns: float = 1.5,
    noise: float = 0.05,
) -> Float[Tensor, " n"]:
    """Log density of the points, whatever their class.

    Raises:
        UsageError: `noise` is not positive.
    """
    length = 2 * math.pi * 2 * turns + 2  # of an arm, at most
    nodes, weights = quadrature(length, noise)
    arms = [_curve(nodes, torch.full(nodes.shape, arm / classes), turns) for arm in range(classes)]
    return log_mixture(x, torch.cat(arms), weights.repeat(classes) / classes, noise=noise)


def _curve(place: Tensor, phase: Tensor, turns: float) -> Tensor:
    """The point at `place` in [0, 1] of the arm that begins at `phase` of a full turn."""
    radius = 0.2 + 1.8 * place
    angle = 2 * math.pi * (turns * place + phase)
    return radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
