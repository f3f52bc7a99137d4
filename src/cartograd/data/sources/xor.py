"""XOR: four clusters at the corners of a square, opposite corners alike.

The smallest problem that no single neuron solves: no line has the two classes on its two sides
(Minsky and Papert). Without noise these are the four points themselves, repeated.

Density: log p(x) = log 1/4 sum_i N(x; c_i, noise^2 I), c_i in {-1, 1}^2.
Shapes: inputs `n d` with d = 2, targets `n`: 1 where the signs differ.

References:
    M. Minsky, S. Papert: Perceptrons, MIT Press, 1969.
    https://mitpress.mit.edu/9780262630221/perceptrons/

>>> data = xor(examples=4, noise=0.0)
>>> data.train.inputs.tolist(), data.train.targets.tolist()
([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]], [0, 1, 1, 0])
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.mixture import around, drawn, log_mixture, turns

CARD = Card(
    name="xor",
    kind="data",
    entry="xor",
    title="XOR: opposite corners alike",
    zh="异或（对角同类）",
    paper="Minsky & Papert, Perceptrons",
    year=1969,
    url="https://mitpress.mit.edu/9780262630221/perceptrons/",
    proofs=("law: the density integrates to 1, and the points fall as it says",),
    tiny={"examples": 32},
)

CORNERS = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])


def xor(*, examples: int = 400, noise: float = 0.25, seed: int = 0) -> Dataset:
    """Points around the corners (+-1, +-1).

    Args:
        examples: training points; validation and test have half as many each.
        noise: standard deviation around the corners.
        seed: of the random numbers.
    """

    def draw(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        corner = turns(count, 4)
        return around(CORNERS[corner], noise, generator), (corner == 1).long() + (corner == 2)

    return drawn("xor", draw, examples=examples, classes=2, seed=seed)


def log_density(x: Float[Tensor, "n d"], /, *, noise: float = 0.25) -> Float[Tensor, " n"]:
    """Log density of the points, whatever their class.

    Raises:
        UsageError: `noise` is not positive.
    """
    return log_mixture(x, CORNERS, torch.full((4,), 0.25), noise=noise)
