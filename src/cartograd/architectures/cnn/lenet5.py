"""LeNet-5: two rounds of convolution and pooling, then three dense layers.

Each filter covers a 5x5 neighbourhood and is shared over the whole image; pooling halves the
resolution, so that later filters have a larger receptive field and exact positions matter less.

    C1 6@28x28 -> S2 6@14x14 -> C3 16@10x10 -> S4 16@5x5 -> C5 120 -> F6 84 -> output k

The default is the form that is built today, with ReLU and max-pooling and 61,706 parameters;
`lenet5-tanh` has tanh and average pooling, `lenet5-1998` is the paper's own. There C3 sees only
some of S2's maps, subsampling has a weight and a bias per map, units squash with 1.7159 tanh(2z/3),
and the output measures the distance of F6 to a fixed 7x12 picture of each digit:

    S: f(w sum_(2x2) x + b)        output: logit_i = -sum_j (x_j - w_ij)^2

with exactly 60,000 trainable parameters. Cross-entropy on these logits is the paper's criterion
(9) without its constant for rubbish images.

Shapes: input `b c y x`; logits `b k`. The field is 32x32, as the paper's. Images of 28 to 31
pixels are padded with zeros; smaller ones are enlarged (bilinear), since 5x5 filters and two
halvings need the room; larger ones keep their size and C5 takes all that S4 leaves.

Departures: those of the default, said above. In every form weights start as torch's do, not within
2.4/inputs, and padding is zero (the mean of standardised pixels) where the paper's is background.
The pictures of the digits are drawn after the paper's figure 3, not copied from it.

References:
    Yann LeCun, Leon Bottou, Yoshua Bengio, Patrick Haffner. Gradient-based learning applied to
    document recognition. Proceedings of the IEEE 86, 1998. https://doi.org/10.1109/5.726791

>>> sum(weight.numel() for weight in LeNet5().parameters())
61706
"""

from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.cnn.lenet5_1998 import Distance, SparseConvolution, Subsampling
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.foundations.activations.layer import Activation

CARD = Card(
    name="lenet5",
    kind="model",
    entry="LeNet5",
    nodes=("arch/lenet5", "cnn/conv", "cnn/pool"),
    title="LeNet-5",
    zh="LeNet-5",
    paper="Gradient-based learning applied to document recognition",
    year=1998,
    url="https://doi.org/10.1109/5.726791",
    proofs=(
        "oracle: a torch.nn.Sequential with the same weights, outputs and gradients to 1e-10 in "
        "float64",
        "law: C3 of the 1998 form ignores the maps that its table leaves out",
        "paper: 61,706 parameters; the 1998 form has table by table 156 + 12 + 1,516 + 32 + "
        "48,120 + 10,164 = 60,000, and 340,908 connections",
    ),
    evidence={
        "arch/lenet5": (
            "test_connections_of_the_1998_form",
            "test_parameters_of_the_1998_form",
            "test_parameters_of_todays_form",
        ),
    },
    tiny={"channels": 1, "size": 8, "classes": 3},
)

PRESETS = {
    "lenet5-tanh": {"activation": "tanh", "pooling": "avg"},
    "lenet5-1998": {
        "activation": "scaled-tanh",
        "pooling": "trainable",
        "connections": "sparse",
        "output": "distance",
    },
}


class LeNet5(nn.Module):
    """The convolutional network of 1998, and what became of it.

    Args:
        channels, size: of the input image.
        classes: number of classes.
        activation: the nonlinearity, by name.
        pooling: `max`, `avg`, or `trainable` (the sum of 2x2 pixels times a weight, plus a
            bias, then the nonlinearity).
        connections: of C3 with the maps of S2: `dense` (all) or `sparse` (the paper's table I).
        output: `linear`, or `distance` to a fixed picture of each digit.

    Raises:
        UsageError: more than ten classes with `output="distance"`.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        size: int = 32,
        classes: int = 10,
        activation: str = "relu",
        pooling: Literal["avg", "max", "trainable"] = "max",
        connections: Literal["dense", "sparse"] = "dense",
        output: Literal["linear", "distance"] = "linear",
    ):
        super().__init__()
        if output == "distance" and classes > 10:
            raise UsageError(
                f"lenet5: output=distance has pictures of ten digits, but there are {classes} "
                f"classes; use output=linear"
            )
        self.size = size
        left = (max(size, 32) - 12) // 4  # height and width of S4
        self.c1 = nn.Conv2d(channels, 6, 5)
        self.squash1 = Activation(activation)
        self.s2 = _pool(pooling, 6, activation)
        self.c3 = nn.Conv2d(6, 16, 5) if connections == "dense" else SparseConvolution()
        self.squash3 = Activation(activation)
        self.s4 = _pool(pooling, 16, activation)
        self.c5 = nn.Linear(16 * left**2, 120)
        self.squash5 = Activation(activation)
        self.f6 = nn.Linear(120, 84)
        self.squash6 = Activation(activation)
        self.output = nn.Linear(84, classes) if output == "linear" else Distance(classes)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k"]:
        """Logits."""
        x = _field(x, self.size)
        x = self.s2(self.squash1(self.c1(x)))
        x = self.s4(self.squash3(self.c3(x)))
        x = self.squash5(self.c5(x.flatten(1)))
        return self.output(self.squash6(self.f6(x)))


def _field(x: Tensor, size: int) -> Tensor:
    """The image on a field of at least 32x32."""
    if size < 28:
        return F.interpolate(x, size=(32, 32), mode="bilinear", align_corners=False)
    missing = max(32 - size, 0)
    before, after = missing // 2, missing - missing // 2
    return F.pad(x, (before, after, before, after))


def _pool(pooling: str, channels: int, activation: str) -> nn.Module:
    if pooling == "trainable":
        return nn.Sequential(Subsampling(channels), Activation(activation))
    return {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}[pooling](2)
