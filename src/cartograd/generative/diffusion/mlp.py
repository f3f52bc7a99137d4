"""The network of denoisers of vectors: dense layers that are told the time and the class."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.generative.diffusion.told import Told


class DenoisingMLP(nn.Module):
    """Dense layers with skip connections.

    Args:
        features: numbers of an example.
        width: units of each layer.
        depth: how many layers.
        classes: how many, or None.
        outputs: answers, each of the shape of an example.
    """

    def __init__(
        self,
        features: int,
        /,
        *,
        width: int,
        depth: int = 3,
        classes: int | None,
        outputs: int = 1,
    ):
        super().__init__()
        self.told = Told(width, classes)
        self.first = nn.Linear(features, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.shifts = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.act = nn.SiLU()
        self.last = nn.Linear(width, features * outputs)
        nn.init.xavier_uniform_(self.last.weight, gain=0.1)
        nn.init.zeros_(self.last.bias)

    def forward(
        self,
        x: Float[Tensor, "b ..."],
        time: Float[Tensor, " b"],
        y: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b ..."]:
        """What is predicted, of the shape of `x`, or with so many times its first size."""
        told = self.told(time, y)
        h = self.first(x.flatten(1))
        for layer, shift in zip(self.layers, self.shifts, strict=True):
            h = h + layer(self.act(h + shift(told)))
        return self.last(self.act(h)).reshape(x.shape[0], -1, *x.shape[2:])
