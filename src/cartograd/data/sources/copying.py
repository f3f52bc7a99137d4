"""The copy task: some symbols to remember, a long silence, then they are asked for.

Nothing in between helps, so the symbols have to be remembered through all of the lag. A network
that forgets is right once in k times.

    input:    y_1 ... y_n  k k ... k  (k+1) ... (k+1)
    target:   nothing, then y_1 ... y_n at the last n steps, each `n + lag - 1` after it was read

Shapes: inputs `n t` with t = 2 symbols + lag - 1, targets `n t`: -100 (no answer) but for the last.

Departures: fewer symbols than the ten of eight kinds in the paper's comparison, so that small
networks learn it within seconds.

References:
    Sepp Hochreiter, Jürgen Schmidhuber. Long short-term memory. Neural Computation 9, 1997.
    https://doi.org/10.1162/neco.1997.9.8.1735
    Martin Arjovsky, Amar Shah, Yoshua Bengio. Unitary evolution recurrent neural networks. ICML
    2016. https://arxiv.org/abs/1511.06464

>>> data = copying(lag=3, symbols=2, classes=4, examples=10)
>>> x, y = data.train.inputs[0].tolist(), data.train.targets[0].tolist()
>>> x[2:], y[:4], x[:2] == y[4:]
([4, 4, 5, 5], [-100, -100, -100, -100], True)
"""

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.plan import generator
from cartograd.data.dataset.tensors import assemble

CARD = Card(
    name="copying",
    kind="data",
    entry="copying",
    title="The copy task",
    zh="复制任务",
    paper="Long short-term memory",
    year=1997,
    url="https://doi.org/10.1162/neco.1997.9.8.1735",
    proofs=("law: the answer is the symbols at the start, and nothing else tells it",),
    tiny={"examples": 40, "lag": 3},
)


def copying(
    *, lag: int = 20, symbols: int = 5, classes: int = 4, examples: int = 4000, seed: int = 0
) -> Dataset:
    """Rows of symbols to be remembered.

    Args:
        lag: steps from the last symbol that is shown to the first that is asked for.
        symbols: how many are to be remembered.
        classes: how many kinds there are.
        examples: training rows; validation and test have a quarter as many each.
        seed: of the random numbers.
    """
    counts = {"train": examples, "valid": max(examples // 4, 1), "test": max(examples // 4, 1)}
    text = Port("symbols", "text", ("t",), "int64", (0, classes + 1))
    names = tuple(str(i) for i in range(classes))
    signature = Signature(
        (text,), (Port("symbol", "label", ("t", classes), labels=names, task="tag"),)
    )
    splits = {}
    for part, count in counts.items():
        draw = generator(seed, "copying", part)
        splits[part] = Split(
            *drawn(count, draw, lag=lag, symbols=symbols, classes=classes), signature
        )
    about = {"source": "drawn at random", "seed": seed}
    return assemble("copying", splits, standardise=False, about=about)


def drawn(
    count: int, draw: torch.Generator, /, *, lag: int, symbols: int, classes: int
) -> tuple[Int[Tensor, "n t"], Int[Tensor, "n t"]]:
    """Rows and their answers."""
    shown = torch.randint(classes, (count, symbols), generator=draw)
    silence, asked = shown.new_full((count, lag - 1), classes), torch.full_like(shown, classes + 1)
    nothing = shown.new_full((count, symbols + lag - 1), -100)
    return torch.cat([shown, silence, asked], 1), torch.cat([nothing, shown], 1)
