"""VGG: nothing but 3x3 convolutions, two or more in a row, as deep as 19 layers.

Two 3x3 convolutions in a row have the receptive field of a 5x5 one and three that of 7x7, with
fewer weights and more nonlinearities. After each group max-pooling halves the size and the number
of maps doubles.

    (C3x3)^n_1 64 P -> (C3x3)^n_2 128 P -> 256 P -> 512 P -> 512 P -> dense -> dense -> logits

    two layers: 2 (9 c^2) = 18 c^2 weights for a field of 5x5;  one 5x5: 25 c^2

Depth counts the layers with weights: 11, 13, 16 and 19 are configurations A, B, D and E.

Shapes: input `b c y x`; logits `b k`. Images of 64 pixels and less are pooled down to one place,
the last odd row and column counted in, before dense layers of an eighth of the units.

Departures: weights start from He's normal distribution (fan-out), the dense layers' from
N(0, 0.01) with biases of 0 (small images: as torch's do); the paper starts deep nets from trained
shallow ones. Batch normalisation came a year later.

References:
    Karen Simonyan, Andrew Zisserman. Very deep convolutional networks for large-scale image
    recognition. 2014, ICLR 2015. https://arxiv.org/abs/1409.1556

>>> import torch
>>> with torch.device("meta"):
...     model = VGG(depth=16)
>>> sum(weight.numel() for weight in model.parameters())
138357544
"""

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.foundations.activations.layer import Activation
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="vgg",
    kind="model",
    entry="VGG",
    nodes=("arch/vgg",),
    title="VGG",
    zh="VGG",
    paper="Very deep convolutional networks for large-scale image recognition",
    year=2014,
    url="https://arxiv.org/abs/1409.1556",
    proofs=(
        "oracle: torchvision.models.vgg11 and vgg13_bn with the same weights, outputs and "
        "gradients to 1e-10 in float64; parameter names and shapes of all eight",
        "paper: 132,863,336 to 143,667,240 parameters, 7.609 to 19.632 G multiply-adds",
    ),
    evidence={
        "arch/vgg": (
            "test_published_parameters_and_multiply_adds",
            "test_equals_torchvision_with_gradients",
        ),
    },
    tiny={"depth": 11, "width": 4, "channels": 3, "size": 8, "classes": 3, "dropout": 0.0},
)

PRESETS = {
    "vgg11": {"depth": 11},
    "vgg11-bn": {"depth": 11, "batch_norm": True},
    "vgg13": {"depth": 13},
    "vgg13-bn": {"depth": 13, "batch_norm": True},
    "vgg16": {"depth": 16},
    "vgg16-bn": {"depth": 16, "batch_norm": True},
    "vgg19": {"depth": 19},
    "vgg19-bn": {"depth": 19, "batch_norm": True},
}

GROUPS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Convolutions before each pooling."""


class VGG(nn.Module):
    """A stack of 3x3 convolutions, with torchvision's parameter names.

    Args:
        depth: 11, 13, 16 or 19.
        width: maps of the first group, doubled by the next three; the paper's 64.
        channels, size: of the input image; the size chooses the dense layers.
        classes: number of classes.
        batch_norm: normalise the maps of each convolution.
        dropout: probability that a unit of a dense layer is set to zero.

    Raises:
        UsageError: no network has this depth.
    """

    def __init__(
        self,
        *,
        depth: int = 16,
        width: int = 64,
        channels: int = 3,
        size: int = 224,
        classes: int = 1000,
        batch_norm: bool = False,
        dropout: float = 0.5,
    ):
        super().__init__()
        if depth not in GROUPS:
            raise UsageError(f"vgg: no network has depth={depth}; expected 11, 13, 16 or 19")
        large = size > 64
        layers, into = [], channels
        for number, count in enumerate(GROUPS[depth]):
            maps = width * 2 ** min(number, 3)
            for _ in range(count):
                layers.append(nn.Conv2d(into, maps, 3, padding=1))
                layers += [nn.BatchNorm2d(maps)] if batch_norm else []
                layers.append(Activation("relu"))
                into = maps
            layers.append(nn.MaxPool2d(2, ceil_mode=not large))
        self.features = nn.Sequential(*layers)
        side = 7 if large else 1
        units = into * (8 if large else 1)
        self.avgpool = nn.AdaptiveAvgPool2d(side)
        self.classifier = nn.Sequential(
            *(nn.Linear(into * side**2, units), Activation("relu"), Dropout(dropout=dropout)),
            *(nn.Linear(units, units), Activation("relu"), Dropout(dropout=dropout)),
            nn.Linear(units, classes),
        )
        _initialise(self, dense=large)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k"]:
        """Logits."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))

    def trunk(self) -> list[nn.Module]:
        """The layers that make maps, in order (`stages`)."""
        return list(self.features)


def _initialise(model: nn.Module, *, dense: bool) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(module.bias)  # pyright: ignore[reportArgumentType]
        if dense and isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
