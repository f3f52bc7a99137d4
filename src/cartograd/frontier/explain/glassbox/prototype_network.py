"""Prototype network: this looks like that, and "that" is a patch of a picture it has seen.

A small convolutional network turns a picture into patches. Each class has some prototypes, and how
near the nearest patch comes to a prototype is all that the last layer is told. A prototype is kept
as a training picture and a place in it, so it can be shown, and it is that patch to the bit.

    z = f(x),  d_j = min over patches |z - p_j|^2,  g_j = log((d_j + 1) / (d_j + eps)),  y = W g

Shapes: x (b c y x); patches (b d y x); distances and similarities (b m); logits (b k).

Departures: the paper learns prototypes as free vectors and moves them onto patches now and then;
here they are patches all the time, encoded with the batch, and exchanged for better ones while the
network learns (`learn-prototypes`).

References:
    Chaofan Chen, Oscar Li, Daniel Tao, Alina Barnett, Cynthia Rudin, Jonathan K. Su. This looks
    like that: deep learning for interpretable image recognition. NeurIPS 2019.
    https://arxiv.org/abs/1806.10574

>>> model = PrototypeNetwork(channels=1, size=8, classes=2, prototypes=3)
>>> model(torch.rand(5, 1, 8, 8)).shape
torch.Size([5, 2])
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card

CARD = Card(
    name="prototype-network",
    kind="model",
    entry="PrototypeNetwork",
    nodes=("xai/prototype",),
    title="Prototype network (this looks like that)",
    zh="原型网络",
    paper="This looks like that: deep learning for interpretable image recognition",
    year=2019,
    url="https://arxiv.org/abs/1806.10574",
    aliases=("protopnet",),
    proofs=(
        "law: each prototype is a patch of a training picture of its own class, to the bit, and "
        "that picture's distance to it is 0",
        "law: logits are linear in the similarities, which have the paper's formula",
    ),
    tiny={"channels": 1, "size": 8, "classes": 3, "prototypes": 2, "width": 4},
    objective="learn-prototypes",
)

EPS = 1e-4
"""Keeps the similarity of a patch to itself finite."""


class PrototypeNetwork(nn.Module):
    """Answers by how near prototypes are.

    Args:
        channels: of the pictures.
        size: their height and width.
        classes: numbers of the answer.
        prototypes: of each class.
        width: channels of the patches.
    """

    pictures: Tensor
    places: Tensor
    begun: Tensor

    def __init__(
        self, *, channels: int, size: int, classes: int, prototypes: int = 4, width: int = 32
    ):
        super().__init__()
        self.patches = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 1), nn.Sigmoid(),
        )  # fmt: skip
        count, self.classes = classes * prototypes, classes
        self.register_buffer("pictures", torch.rand(count, channels, size, size))
        self.register_buffer("places", torch.randint((size // 2) ** 2, (count,)))
        self.register_buffer("begun", torch.tensor(False))
        self.head = nn.Linear(count, classes, bias=False)
        own = self.owners[None] == torch.arange(classes)[:, None]
        with torch.no_grad():
            self.head.weight.copy_(torch.where(own, 1.0, -0.5))

    @property
    def owners(self) -> Int[Tensor, " m"]:
        """The class of each prototype."""
        count = len(self.pictures)
        return torch.arange(count, device=self.pictures.device) * self.classes // count

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k"]:
        """Logits."""
        return self.head(similarity(self.distances(x)))

    def distances(self, x: Float[Tensor, "b c y x"], /) -> Float[Tensor, "b m"]:
        """How far each picture's nearest patch is from each prototype, squared."""
        return apart(self.patches(x).flatten(2), self.vectors()).amin(1)

    def vectors(self) -> Float[Tensor, "m d"]:
        """The prototypes: the patches of their pictures, as the network sees them now."""
        found = self.patches(self.pictures).flatten(2)  # m d n
        where = self.places[:, None, None].expand(-1, found.shape[1], 1)
        return found.gather(2, where)[..., 0]

    def boxes(self) -> Int[Tensor, "m 4"]:
        """Where each prototype lies in its picture: first and last row, first and last column.

        A patch sees eight pixels a side, where the picture goes on so far.
        """
        side = self.pictures.shape[3]
        row, column = self.places // (side // 2), self.places % (side // 2)
        ends = [2 * row - 3, 2 * row + 4, 2 * column - 3, 2 * column + 4]
        return torch.stack(ends, 1).clamp(0, side - 1)


def apart(
    patches: Float[Tensor, "b d n"], prototypes: Float[Tensor, "m d"], /
) -> Float[Tensor, "b n m"]:
    """Squared distances of all patches to all prototypes.

    They are measured from the prototypes' mean, as small distances of large numbers would be lost.
    """
    middle = prototypes.mean(0)
    flat, near = patches.transpose(1, 2) - middle, prototypes - middle
    square = flat.square().sum(2, keepdim=True) + near.square().sum(1)
    return (square - 2 * flat @ near.T).clamp(min=0)


def similarity(d: Float[Tensor, "b m"], /) -> Float[Tensor, "b m"]:
    """Large where the distance is small.

    >>> round(similarity(torch.tensor([[0.0]])).item(), 2)
    9.21
    """
    return ((d + 1) / (d + EPS)).log()
