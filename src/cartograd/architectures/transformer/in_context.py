r"""In-context learning: a Transformer that fits a line to the examples before it, without training.

It is trained on sequences, each of another linear function; what it sees are pairs, then a point
whose value it has to say. No weights change when the function does: what it learned is to learn.
The best that can be known is the posterior mean under the same prior, ridge regression.

    y_i = w x_i + noise e_i,   w, x_i, e_i ~ N(0, 1)        a new w for each sequence
    read x_1, y_1, x_2, y_2, ...;   at x_i say y_i;   loss = mean_i (f(x_1, y_1, ..., x_i) - y_i)^2
    best: w_i = (X'X + noise^2 I)^-1 X'y   of the pairs before i

Shapes: points `b t d`, values `b t`; read as `b 2t d+1`, a point beside a 0, zeros beside a value.

Departures: two features and a small Transformer where the paper has twenty and a GPT of 22 million
weights; positions are learned.

References:
    Shivam Garg et al. What can Transformers learn in-context? A case study of simple function
    classes. 2022, NeurIPS 2022. https://arxiv.org/abs/2208.01066
    Johannes von Oswald et al. Transformers learn in-context by gradient descent. ICML 2023.
    https://arxiv.org/abs/2212.07677

>>> x, y = tasks(3, 5, torch.Generator().manual_seed(0), features=2, noise=0.0)
>>> float((least_squares(x, y, noise=0.0)[:, 2:] - y[:, 2:]).abs().max()) < 1e-3
True
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.core.card import Card
from cartograd.core.learning import learning

CARD = Card(
    name="in-context-regression",
    kind="demonstration",
    entry="in_context_regression",
    nodes=("llm/icl",),
    title="In-context learning of linear regression, beside least squares",
    zh="上下文学习线性回归，与最小二乘对照",
    paper="What Can Transformers Learn In-Context? A Case Study of Simple Function Classes",
    year=2022,
    url="https://arxiv.org/abs/2208.01066",
    proofs=(
        "law: what it is held against is the posterior mean: no other estimate has a lower error "
        "on its tasks, and without noise it is exact from as many pairs as features",
        "law: a value that is yet to come changes no answer, and training brings the error below "
        "that of answering 0",
    ),
    evidence={
        "llm/icl": (
            "test_nothing_beats_the_posterior_mean",
            "test_a_small_transformer_learns_to_fit_lines",
            "acceptance:in-context-regression",
        ),
    },
    tiny={"steps": 2, "shots": 3, "depth": 1, "dim": 8},
)

TESTED = 2048
"""Sequences with functions that were never seen, on which errors are measured."""


@dataclass(frozen=True)
class Shots:
    """Mean squared errors on new functions after so many pairs.

    Attributes:
        pairs: that were seen before the point.
        error: of the Transformer.
        best: of the posterior mean, which nothing can beat.
        zero: of always answering 0.
    """

    pairs: int
    error: float
    best: float
    zero: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


def excess(found: Sequence[Shots], /) -> float:
    """Error above the best that can be known, as a share of what the pairs tell.

    Args:
        found: by how many pairs were seen; the one without pairs is left out.

    >>> excess([Shots(0, 2.0, 2.0, 2.0), Shots(1, 1.25, 1.0, 2.0), Shots(2, 0.75, 0.5, 2.5)])
    0.1875
    """
    shares = [(one.error - one.best) / (one.zero - one.best) for one in found if one.pairs]
    return sum(shares) / len(shares)


class Regressor(nn.Module):
    """Reads points and values by turns, and says the value of each point."""

    def __init__(self, *, features: int, shots: int, dim: int, depth: int, heads: int):
        super().__init__()
        self.inward, self.outward = nn.Linear(features + 1, dim), nn.Linear(dim, 1)
        self.places = nn.Parameter(0.02 * torch.randn(2 * shots + 2, dim))
        self.blocks = nn.ModuleList(
            Block(
                attention=MultiHeadAttention(dim=dim, heads=heads),
                feed_forward=FeedForward(dim=dim, ffn_dim=4 * dim),
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(
        self, x: Float[Tensor, "b t d"], y: Float[Tensor, "b t"], /
    ) -> Float[Tensor, "b t"]:
        """The value of each point, by the pairs before it.

        Args:
            x: points.
            y: their values; that of a point is read after its answer.
        """
        asked = torch.cat([x, torch.zeros_like(x[..., :1])], 2)
        told = torch.cat([torch.zeros_like(x), y[..., None]], 2)
        z = self.inward(torch.stack([asked, told], 2).flatten(1, 2))  # b 2t d
        z = z + self.places[: z.shape[1]]
        for block in self.blocks:
            z = block(z, causal=True)
        return self.outward(self.norm(z[:, ::2]))[..., 0]


def tasks(
    count: int, length: int, generator: torch.Generator, /, *, features: int, noise: float
) -> tuple[Float[Tensor, "b t d"], Float[Tensor, "b t"]]:
    """Sequences of points and values, each of a linear function of its own.

    Args:
        count: how many sequences.
        length: points of each.
        generator: of random numbers.
        features: of a point.
        noise: standard deviation of what is added to values.
    """
    x = torch.randn(count, length, features, generator=generator)
    w = torch.randn(count, features, 1, generator=generator)
    y = (x @ w)[..., 0] + noise * torch.randn(count, length, generator=generator)
    return x, y


def least_squares(
    x: Float[Tensor, "b t d"], y: Float[Tensor, "b t"], /, *, noise: float
) -> Float[Tensor, "b t"]:
    """The value of each point by ridge regression on the pairs before it: the posterior mean.

    Args:
        x: points.
        y: their values.
        noise: standard deviation of what was added to them; the ridge is its square.
    """
    x, y = x.double(), y.double()
    ridge = max(noise, 1e-6) ** 2 * torch.eye(x.shape[2], dtype=x.dtype)
    found = [torch.zeros_like(y[:, 0])]
    for seen in range(1, x.shape[1]):
        before, values = x[:, :seen], y[:, :seen, None]
        w = torch.linalg.solve(before.mT @ before + ridge, before.mT @ values)
        found.append((x[:, seen, None] @ w)[:, 0, 0])
    return torch.stack(found, 1).float()


@learning()
def in_context_regression(
    *,
    features: int = 2,
    shots: int = 8,
    dim: int = 32,
    depth: int = 3,
    heads: int = 2,
    noise: float = 0.5,
    steps: int = 1500,
    batch_size: int = 64,
    lr: float = 3e-3,
    seed: int = 0,
) -> tuple[Shots, ...]:
    """Train a Transformer on linear functions, and hold it against least squares on new ones.

    Args:
        features: of a point.
        shots: most pairs before the point that is asked.
        dim: features of a position inside the Transformer.
        depth: its blocks.
        heads: of its attention.
        noise: standard deviation of what is added to values.
        steps: of training, each on new functions.
        batch_size: functions of a step.
        lr: highest learning rate, reached after a tenth of the steps.
        seed: of weights and functions.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Regressor(features=features, shots=shots, dim=dim, depth=depth, heads=heads)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, lr, total_steps=max(steps, 2) + 1, pct_start=0.1, cycle_momentum=False
    )
    for _ in range(steps):
        x, y = tasks(batch_size, shots + 1, generator, features=features, noise=noise)
        loss = (model(x, y) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        rates.step()
    fresh = torch.Generator().manual_seed(2**31 + seed)
    x, y = tasks(TESTED, shots + 1, fresh, features=features, noise=noise)
    model.eval()
    with torch.no_grad():
        own = (model(x, y) - y).square().mean(0)
    best = (least_squares(x, y, noise=noise) - y).square().mean(0)
    zero = y.square().mean(0)
    columns = zip(own.tolist(), best.tolist(), zero.tolist(), strict=True)
    return tuple(Shots(pairs, *errors) for pairs, errors in enumerate(columns))
