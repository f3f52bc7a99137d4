"""The adding task: of a long row of numbers two are marked, and their sum is asked for.

All the others are noise that has to be ignored. The best constant prediction is 1, the mean, with a
mean squared error of 1/6.

    y = x_i + x_j,    x uniform in [0, 1],    i in the first half of the row, j in the second

Shapes: inputs `n t d`: d = 2, a number and its mark (0 or 1); targets `n 1`.

Departures: numbers are in [0, 1] and the sum is not scaled (the paper's are in [-1, 1]); the row
has one length, `lag`; both marks may fall anywhere in their halves.

References:
    Sepp Hochreiter, Jürgen Schmidhuber. Long short-term memory. Neural Computation 9, 1997.
    https://doi.org/10.1162/neco.1997.9.8.1735
    Quoc Le, Navdeep Jaitly, Geoffrey Hinton. A simple way to initialize recurrent networks of
    rectified linear units. 2015 (this form). https://arxiv.org/abs/1504.00941

>>> data = adding(lag=8, examples=10)
>>> x = data.train.inputs
>>> x.shape, bool(((x[:, :, 0] * x[:, :, 1]).sum(1, True) == data.train.targets).all())
(torch.Size([10, 8, 2]), True)
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.plan import generator
from cartograd.data.dataset.tensors import assemble

CARD = Card(
    name="adding",
    kind="data",
    entry="adding",
    title="The adding task",
    zh="加法任务",
    paper="Long short-term memory",
    year=1997,
    url="https://doi.org/10.1162/neco.1997.9.8.1735",
    proofs=("law: two marks a row, one in each half; the target is their sum, of variance 1/6",),
    tiny={"examples": 40, "lag": 6},
)


def adding(*, lag: int = 50, examples: int = 8000, seed: int = 0) -> Dataset:
    """Rows of numbers, two of them marked.

    Args:
        lag: length of a row, at least 2.
        examples: training rows; validation and test have a quarter as many each.
        seed: of the random numbers.

    Raises:
        UsageError: a row is too short for two marks.
    """
    if lag < 2:
        raise UsageError(f"lag={lag} leaves no room for two marks; expected at least 2")
    counts = {"train": examples, "valid": max(examples // 4, 1), "test": max(examples // 4, 1)}
    row = Port("numbers and marks", "vector", ("t", 2), bounds=(0.0, 1.0))
    signature = Signature((row,), (Port("sum", "value", (1,), task="regress"),))
    splits = {
        part: Split(*drawn(count, generator(seed, "adding", part), lag=lag), signature)
        for part, count in counts.items()
    }
    about = {"source": "drawn at random", "seed": seed}
    return assemble("adding", splits, standardise=False, about=about)


def drawn(
    count: int, draw: torch.Generator, /, *, lag: int
) -> tuple[Float[Tensor, "n t d"], Float[Tensor, "n v"]]:
    """Rows and their sums."""
    numbers, marks = torch.rand(count, lag, generator=draw), torch.zeros(count, lag)
    half, rows = lag // 2, torch.arange(count)
    marks[rows, torch.randint(half, (count,), generator=draw)] = 1
    marks[rows, half + torch.randint(lag - half, (count,), generator=draw)] = 1
    return torch.stack([numbers, marks], 2), (numbers * marks).sum(1, keepdim=True)
