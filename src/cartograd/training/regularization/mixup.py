"""Mixup: train on blends of two examples, with their targets blended alike.

Between two examples the model learns a target between theirs, which makes it smoother, less
confident away from the data and more robust to wrong labels. Small concentrations give shares near
0 or 1: most blends are then nearly one of the two.

    x = s x_i + (1 - s) x_j,    t = s t_i + (1 - s) t_j,    s ~ Beta(a, a)

Shapes: inputs `b ...`; targets as distributions `b k`; both kept.

Departures: each example has its own random share and partner, where the authors' code has one share
for a batch. The loss is linear in t, so the targets can go to `kl`.

References:
    Hongyi Zhang, Moustapha Cisse, Yann Dauphin, David Lopez-Paz. mixup: beyond empirical risk
    minimization. ICLR 2018. https://arxiv.org/abs/1710.09412

>>> x, targets = mixup(torch.eye(3), torch.eye(3), torch.Generator().manual_seed(0))
>>> torch.equal(x, targets), targets.sum(1).tolist()
(True, [1.0, 1.0, 1.0])
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="mixup",
    kind="regulariser",
    entry="mixup",
    nodes=("regularize/augmentation-image",),
    title="Mixup",
    zh="Mixup 混合增强",
    paper="mixup: beyond empirical risk minimization",
    year=2018,
    url="https://arxiv.org/abs/1710.09412",
    proofs=(
        "oracle: torchvision.transforms.v2.MixUp with the same share and partners, to 1e-10 in "
        "float64",
        "law: targets stay distributions and blend as the inputs do; the shares have Beta(a, a)'s "
        "mean and variance; a generator repeats it",
    ),
    evidence={
        "regularize/augmentation-image": ("test_equals_torchvision_with_its_share_and_partners",),
    },
    renamed={"concentration": "alpha"},
)


def mixup(
    x: Float[Tensor, "b ..."],
    targets: Float[Tensor, "b k"],
    generator: torch.Generator | None = None,
    /,
    *,
    alpha: float = 0.2,
) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "b k"]]:
    """Each example blended with another one, and the targets alike.

    Args:
        x: inputs of a batch.
        targets: as distributions over the classes.
        generator: of random numbers; torch's global one if left out.
        alpha: both parameters of the Beta distribution that the shares are drawn from:
            small ones leave most examples nearly unchanged.
    """
    share = shares(len(x), generator, alpha=alpha)
    partner = torch.randperm(len(x), generator=generator)
    return blend(x, x[partner], share), blend(targets, targets[partner], share)


def blend(
    x1: Float[Tensor, "b ..."], x2: Float[Tensor, "b ..."], share: Float[Tensor, " b"], /
) -> Float[Tensor, "b ..."]:
    """The share of the first and the rest of the second, row by row."""
    share = share.to(x1).reshape(-1, *[1] * (x1.ndim - 1))
    return share * x1 + (1 - share) * x2


def shares(
    examples: int, generator: torch.Generator | None = None, /, *, alpha: float
) -> Float[Tensor, " b"]:
    """A sample from Beta(a, a) for each example."""
    # Torch's Beta takes no generator; NumPy's is started from it.
    seed = int(torch.randint(2**62, (), generator=generator))
    shares = np.random.default_rng(seed).beta(alpha, alpha, examples)
    return torch.from_numpy(shares)
