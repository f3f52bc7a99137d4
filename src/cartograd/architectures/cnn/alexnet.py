"""AlexNet: five convolutions and three dense layers, the net that began deep learning's decade.

LeNet's plan, much larger and on colour photos, with three things that made its training possible:
ReLU in the place of tanh, dropout before the dense layers, and two graphics cards.

    C 11x11/4 -> P -> C 5x5 -> P -> C 3x3 -> C 3x3 -> C 3x3 -> P -> dense -> dense -> logits

where C is a convolution and ReLU, P the largest of 3x3 pixels at every second one. The default is
the form of 2014, in one tower. `alexnet-2012` is the paper's: each card has half of the maps, the
second, fourth and fifth convolution see only their own card's, and after the first two

    y_c = x_c / (2 + 1e-4 sum_(j = c-2 .. c+2) x_j^2) ^ 0.75

Shapes: input `b c y x`; logits `b k`. Images of 64 pixels and less meet a 3x3 convolution without
stride first, pools that pad their border, and dense layers of an eighth of the units.

Departures: weights start as torch's do (2014), or from N(0, 0.01) with the biases of C2, C4, C5
and the dense layers at 1 (2012). The paper's image of 224 pixels does not fit its own table: 227
does, and smaller ones are padded by two.

References:
    Alex Krizhevsky, Ilya Sutskever, Geoffrey Hinton. ImageNet classification with deep
    convolutional neural networks. NIPS 2012. https://doi.org/10.1145/3065386
    Alex Krizhevsky. One weird trick for parallelizing convolutional neural networks. 2014.
    https://arxiv.org/abs/1404.5997

>>> import torch
>>> with torch.device("meta"):
...     model = AlexNet()
>>> sum(weight.numel() for weight in model.parameters())
61100840
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.foundations.activations.layer import Activation
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="alexnet",
    kind="model",
    entry="AlexNet",
    nodes=("arch/alexnet",),
    title="AlexNet",
    zh="AlexNet",
    paper="ImageNet classification with deep convolutional neural networks",
    year=2012,
    url="https://doi.org/10.1145/3065386",
    proofs=(
        "oracle: torchvision.models.alexnet with the same weights, outputs and gradients to 1e-10 "
        "in float64",
        "law: the response normalisation is the paper's sum over five maps",
        "paper: 61,100,840 parameters and 0.714 G multiply-adds; two towers 60,965,224",
    ),
    evidence={
        "arch/alexnet": (
            "test_published_parameters_and_multiply_adds",
            "test_equals_torchvision_with_gradients",
        ),
    },
    tiny={"channels": 3, "size": 8, "width": 4, "classes": 3, "dropout": 0.0},
)

PRESETS = {
    "alexnet-2012": {"towers": 2, "width": 96},
}


class AlexNet(nn.Module):
    """Five convolutions and three dense layers; in one tower with torchvision's parameter names.

    Args:
        width: maps of the first convolution; one tower has 3, 6, 4 and 4 times as many in the
            others (the paper's 96 become 256, 384, 384 and 256), and 64 times in a dense layer.
        channels, size: of the input image; the size chooses the stem and the dense layers.
        classes: number of classes.
        towers: 1, or 2 for the paper's form.
        dropout: probability that an input of a dense layer is set to zero.

    Raises:
        UsageError: more than two towers, or maps that two do not share evenly.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        channels: int = 3,
        size: int = 224,
        classes: int = 1000,
        towers: int = 1,
        dropout: float = 0.5,
    ):
        super().__init__()
        maps = _maps(width, towers)
        large = size > 64
        pad = 0 if large else 1
        first = nn.Conv2d(channels, maps[0], 3, padding=1)
        if large:
            border = 0 if towers == 2 and size >= 227 else 2
            first = nn.Conv2d(channels, maps[0], 11, stride=4, padding=border)
        norm = [ResponseNorm()] if towers == 2 else []
        self.features = nn.Sequential(
            *(first, Activation("relu"), *norm, nn.MaxPool2d(3, 2, pad)),
            *(nn.Conv2d(maps[0], maps[1], 5, padding=2, groups=towers), Activation("relu")),
            *(*([ResponseNorm()] if norm else []), nn.MaxPool2d(3, 2, pad)),
            *(nn.Conv2d(maps[1], maps[2], 3, padding=1), Activation("relu")),
            *(nn.Conv2d(maps[2], maps[3], 3, padding=1, groups=towers), Activation("relu")),
            *(nn.Conv2d(maps[3], maps[4], 3, padding=1, groups=towers), Activation("relu")),
            nn.MaxPool2d(3, 2, pad),
        )
        side = 6 if large else 2
        units = maps[4] * (16 if large else 2)
        self.avgpool = nn.AdaptiveAvgPool2d(side)
        self.classifier = nn.Sequential(
            *(Dropout(dropout=dropout), nn.Linear(maps[4] * side**2, units), Activation("relu")),
            *(Dropout(dropout=dropout), nn.Linear(units, units), Activation("relu")),
            nn.Linear(units, classes),
        )
        if towers == 2:
            _start_of_2012(self)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k"]:
        """Logits."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))

    def trunk(self) -> list[nn.Module]:
        """The layers that make maps, in order (`stages`)."""
        return list(self.features)


class ResponseNorm(nn.Module):
    """Each number normalised by the neighbouring channels of its pixel."""

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """The normalised maps; torch divides its `alpha` by the five maps, the paper does not."""
        return F.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)


def _maps(width: int, towers: int) -> tuple[int, ...]:
    """How many maps each convolution has."""
    if towers not in (1, 2):
        raise UsageError(f"alexnet: towers={towers} is out of range; expected 1 or 2")
    if towers == 1:
        return width, 3 * width, 6 * width, 4 * width, 4 * width
    if width % 6:
        raise UsageError(f"alexnet: two towers cannot share width={width}; give a multiple of 6")
    return width, 8 * width // 3, 4 * width, 4 * width, 8 * width // 3


def _start_of_2012(model: nn.Module) -> None:
    layers = [part for part in model.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    for number, layer in enumerate(layers, start=1):
        nn.init.normal_(layer.weight, std=0.01)
        assert layer.bias is not None
        nn.init.constant_(layer.bias, float(number in (2, 4, 5, 6, 7)))
