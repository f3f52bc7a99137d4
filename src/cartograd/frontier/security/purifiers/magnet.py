"""MagNet's reformer: inputs as an autoencoder makes them again.

An autoencoder that has learned on clean data can only make what lies near them. What an attack has
added has no place in its code.

    x' = clip(decode(encode(x)))

Shapes: as the model's.

Departures: the reformer alone, by one autoencoder; the paper chooses one of several at random and
refuses inputs that lie far from what is made of them.

References:
    Dongyu Meng, Hao Chen. MagNet: a two-pronged defense against adversarial examples. CCS 2017.
    https://arxiv.org/abs/1705.09064

>>> sorted(part for part in vars(MagNet) if part == "__call__")
['__call__']
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.generative import Rebuilds
from cartograd.core.signed import Signed, statistics

CARD = Card(
    name="magnet",
    kind="purifier",
    entry="MagNet",
    nodes=("defense/purification",),
    title="MagNet's reformer (autoencoder)",
    zh="MagNet 重构器",
    paper="MagNet: a two-pronged defense against adversarial examples",
    year=2017,
    url="https://arxiv.org/abs/1705.09064",
    proofs=(
        "law: is what the autoencoder makes, within the bounds; an input on the line that a linear "
        "one has learned stays, and what was added across it is gone",
    ),
    tiny={},
)


class MagNet:
    """Inputs made again by an autoencoder.

    Args:
        run: of a model that makes examples again, such as an autoencoder or a VAE.
    """

    def __init__(self, *, run: Any = None):
        self.model = checked("magnet", run)
        if not isinstance(self.model.model, Rebuilds):
            raise UsageError(
                "magnet needs the run of a model that makes examples again: cartograd train "
                "autoencoder --data DATA, then magnet:run=RUN"
            )

    def __call__(self, x: Float[Tensor, "b ..."], _: torch.Generator, /) -> Float[Tensor, "b ..."]:
        """The inputs again.

        Raises:
            UsageError: the model takes inputs of another shape.
        """
        port, inner = fitting("magnet", self.model, x), self.model.model
        mean, std = (one.to(x) for one in statistics(port))
        assert isinstance(inner, Rebuilds)
        where = self.model.output_mean.device
        with evaluating(self.model):
            found = inner.reconstruct(((x - mean) / std).to(where)).to(x.device)
        again = found.reshape(x.shape) * std + mean
        return again.clamp(*port.bounds) if port.bounds else again


def checked(purifier: str, run: Any, /) -> Signed:
    """The model that purifies.

    Raises:
        UsageError: there is none.
    """
    if not isinstance(run, Signed) or run.signature.target != "example":
        raise UsageError(
            f"{purifier} needs the run of a generative model of the same data: {purifier}:run=RUN"
        )
    return run


def fitting(purifier: str, model: Signed, x: Tensor, /) -> Any:
    """The port of what the model makes.

    Raises:
        UsageError: its examples have another shape.
    """
    port = model.signature.example
    if tuple(port.dims) != tuple(x.shape[1:]):
        raise UsageError(
            f"the run of {purifier} makes examples of shape {tuple(port.dims)}, and the inputs are "
            f"{tuple(x.shape[1:])}; take one that learned on the same data"
        )
    return port
