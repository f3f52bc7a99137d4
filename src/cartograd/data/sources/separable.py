"""Two classes that a hyperplane separates with a stated margin.

Points of the unit ball at a distance of at least `margin` from a random hyperplane through the
origin. So R = 1 and gamma = margin in Novikoff's theorem: Rosenblatt's rule without a bias makes
at most (R / gamma)^2 mistakes on them, however many points there are; with a bias, which is one
more input of constant 1, at most (1 + R^2) / gamma^2. The distance from the hyperplane
is uniform on [margin, 1]; along it, points fill the ball evenly.

Shapes: inputs `n d`, targets `n` in {0, 1}: the side of the hyperplane.

References:
    A. Novikoff: On convergence proofs on perceptrons, Symposium on the Mathematical Theory of
    Automata 12, 1962. https://cs.uwaterloo.ca/~y328yu/classics/novikoff.pdf

>>> data = separable(features=3, margin=0.2)
>>> side = data.train.inputs @ torch.tensor(data.about["normal"])
>>> bool((side.abs() >= 0.2).all()), bool(((side > 0) == data.train.targets).all())
(True, True)
"""

import torch
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.mixture import drawn, turns
from cartograd.data.dataset.plan import generator

CARD = Card(
    name="separable",
    kind="data",
    entry="separable",
    title="Linearly separable points with a margin",
    zh="线性可分点（已知间隔）",
    paper="Novikoff, On convergence proofs on perceptrons",
    year=1962,
    url="https://cs.uwaterloo.ca/~y328yu/classics/novikoff.pdf",
    proofs=("law: every point is inside the unit ball and beyond the margin on its side",),
    tiny={"examples": 32},
)

SLACK = 1e-5
"""Keeps float32 rounding from putting a point inside of the margin or outside of the ball."""


def separable(
    *, examples: int = 400, features: int = 2, margin: float = 0.1, seed: int = 0
) -> Dataset:
    """Points on the two sides of a random hyperplane through the origin.

    The inputs are not standardised: the theorem's margin and radius hold for them as they are.

    Args:
        examples: training points; validation and test have half as many each.
        features: dimension of the space.
        margin: least distance from the hyperplane, in (0, 0.9]; the points' norm is at most 1.
        seed: of the hyperplane and the points.

    Raises:
        UsageError: `margin` leaves no room in the unit ball.
    """
    if not 0 < margin <= 0.9:
        raise UsageError(f"margin={margin} is out of range; expected above 0 and at most 0.9")
    source = generator(seed, "separable", "plane")
    normal = torch.randn(features, generator=source, dtype=torch.float64)
    normal = normal / normal.norm()

    mirror = _mirror(normal)

    def draw(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        side = turns(count, 2)
        distance, along = torch.rand(2, count, 1, generator=generator, dtype=torch.float64)
        distance = margin + SLACK + (1 - margin - 2 * SLACK) * distance
        spread = torch.randn(count, features - 1, generator=generator, dtype=torch.float64)
        spread = spread / spread.norm(dim=1, keepdim=True)
        reach = (1 - distance.square()).sqrt() - SLACK * distance
        spread = spread * reach * along ** (1 / max(features - 1, 1))
        points = torch.cat([distance * (2 * side[:, None] - 1), spread], dim=1)
        return (points @ mirror).float(), side

    data = drawn("separable", draw, examples=examples, classes=2, seed=seed, standardise=False)
    data.about.update(normal=normal.tolist(), margin=margin, radius=1.0)
    return data


def _mirror(normal: Tensor) -> Tensor:
    """The reflection (Householder) that takes the first axis to `normal`."""
    axis = -normal
    axis[0] += 1
    square = axis.square().sum()
    identity = torch.eye(len(normal), dtype=normal.dtype)
    return identity if square == 0 else identity - 2 * torch.outer(axis, axis) / square
