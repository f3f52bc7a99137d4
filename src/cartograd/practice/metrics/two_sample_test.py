"""Two-sample test by a classifier: how well one tells drawn from real examples that it never saw.

A logistic regression of the features and their squares learns to tell half of the drawn examples
from half of the real ones, and is asked about the others. Right half of the time, it has found
nothing that tells them apart; right each time, the drawn ones look like no real one.

    accuracy of  sigmoid(w . (f, f^2) + b) > 1/2  on the halves that were kept

Shapes: features `n d` of drawn and `m d` of real examples.

Departures: the paper has networks and nearest neighbours, too; with features of a trained network
(a judge) the logistic regression is a network whose last layer is learned. As many of one set as of
the other.

References:
    David Lopez-Paz, Maxime Oquab. Revisiting classifier two-sample tests. ICLR 2017.
    https://arxiv.org/abs/1610.06545

>>> import torch
>>> x = torch.randn(100, 3, dtype=torch.float64)
>>> two_sample_test(x, x + 9)
1.0
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="two-sample-test",
    aliases=("c2st",),
    kind="sample-metric",
    entry="two_sample_test",
    nodes=("gan/vanilla",),
    title="Classifier two-sample test",
    short="C2ST",
    zh="分类器双样本检验",
    better="lower",
    unit="share",
    paper="Revisiting classifier two-sample tests",
    year=2017,
    url="https://arxiv.org/abs/1610.06545",
    proofs=(
        "oracle: the weights are those of scikit-learn's LogisticRegression, to 1e-6",
        "law: two sets from one distribution are told apart by chance only",
    ),
)

STEPS = 100
"""Most of Newton's steps; a dozen is usual."""


def two_sample_test(drawn: Float[Tensor, "n d"], real: Float[Tensor, "m d"], /) -> float:
    """The share that was told rightly.

    Raises:
        UsageError: there are fewer than four examples of a set.
    """
    count = min(len(drawn), len(real)) // 2
    if count < 2:
        raise UsageError("two-sample-test needs at least four drawn and four real examples")
    generator = torch.Generator().manual_seed(0)
    sets = [one[torch.randperm(len(one), generator=generator)].double() for one in (drawn, real)]
    seen = torch.cat([one[:count] for one in sets])
    kept = torch.cat([one[count : 2 * count] for one in sets])
    mean, std = seen.mean(0), seen.std(0).clamp_min(1e-12)
    y = torch.cat([seen.new_zeros(count), seen.new_ones(count)])
    weights = logistic(_with_squares((seen - mean) / std), y)
    says = _with_squares((kept - mean) / std) @ weights > 0
    return float((says == (y > 0)).double().mean())


def logistic(x: Float[Tensor, "n d"], y: Float[Tensor, " n"], /) -> Float[Tensor, " d"]:
    """Weights of the regularised logistic regression, by Newton's steps; the last has no penalty.

    Args:
        x: rows whose last number is 1.
        y: 1 and 0.
    """
    penalty = torch.ones(x.shape[1], dtype=x.dtype)
    penalty[-1] = 1e-9
    w = torch.zeros(x.shape[1], dtype=x.dtype)

    def loss(w: Tensor) -> Tensor:
        z = x @ w
        return (torch.nn.functional.softplus(z) - y * z).sum() + (penalty * w.square()).sum() / 2

    for _ in range(STEPS):
        p = (x @ w).sigmoid()
        slope = x.T @ (p - y) + penalty * w
        if slope.abs().max() < 1e-8 * len(x):
            break
        bend = x.T @ (x * (p * (1 - p))[:, None]) + penalty.diag()
        step = torch.linalg.solve(bend, slope)
        size = 1.0
        while size > 1e-4 and loss(w - size * step) > loss(w):
            size /= 2
        w = w - size * step
    return w


def _with_squares(x: Tensor) -> Tensor:
    return torch.cat([x, x.square(), torch.ones_like(x[:, :1])], dim=1)
