"""NICE: half of the numbers shift the other half, and one scale for each number comes last.

A shift by what a network says of the other half changes no volume, and to undo it is to shift back.
So all couplings together have determinant 1, and only the scales at the end spread or gather space.

    y_a = x_a,    y_b = x_b + net(x_a),    z = exp(s) y,    log |det| = sum s

Shapes: input `b d` (or any shape, which is flattened); log-densities ` b` in nats; codes `b d`.

Departures: codes are normal (the paper also tries logistic ones); levels of grey are dequantised
and freed of their bounds by a logit, which was RealNVP's addition.

References:
    Laurent Dinh, David Krueger, Yoshua Bengio. NICE: non-linear independent components estimation.
    ICLR workshop 2015. https://arxiv.org/abs/1410.8516

>>> import torch
>>> model = nice(features=2)
>>> x = torch.randn(5, 2)
>>> bool((model.decode(model.encode(x)) - x).abs().max() < 1e-5)
True
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.generative.flows.bends import Additive
from cartograd.generative.flows.coupling import dense_couplings
from cartograd.generative.flows.flow import Flow

CARD = Card(
    name="nice",
    kind="model",
    entry="nice",
    nodes=("flow/nice",),
    title="NICE",
    zh="NICE（非线性独立成分估计）",
    paper="NICE: non-linear independent components estimation",
    year=2015,
    url="https://arxiv.org/abs/1410.8516",
    proofs=(
        "law: decoding undoes encoding to 1e-10 in float64, on data and on samples, after training",
        "law: the determinants of both ways are those of autograd's Jacobians, to 1e-9",
        "law: couplings change no volume: the determinant is the diagonal's alone",
        "oracle: nflows' additive couplings with the same weights, outputs and gradients to 1e-10",
    ),
    evidence={"flow/nice": ("test_decoding_undoes_encoding_after_training",)},
    tiny={"features": 4, "depth": 2, "widths": (5,)},
    answers="density",
)


def nice(
    *,
    features: int,
    depth: int = 4,
    widths: tuple[int, ...] = (64, 64),
    activation: str = "relu",
    levels: int = 0,
    classes: int | None = None,
) -> Flow:
    """A chain of additive couplings and a diagonal scale.

    Args:
        features: numbers of one example.
        depth: how many couplings; each number is changed by every second one.
        widths: units of the hidden layers of each coupling's network.
        activation: the nonlinearity of the networks, by name.
        levels: how many evenly spaced values from 0 to 1 a number takes; 0 if it is any.
        classes: how many there are to tell the model of; None trains without them.
    """
    couplings = dense_couplings(
        features, Additive(), depth=depth, widths=widths, activation=activation
    )
    layers = [*couplings, Diagonal(features)]
    return Flow(layers, shape=(features,), levels=levels, classes=classes)


class Diagonal(nn.Module):
    """A scale for each number.

    Args:
        features: how many numbers.
    """

    def __init__(self, features: int, /):
        super().__init__()
        self.size = nn.Parameter(torch.zeros(features))

    def forward(self, x: Float[Tensor, "b d"]) -> tuple[Tensor, Float[Tensor, " b"]]:
        """The image and the log-determinant, which is the same for all."""
        return x * self.size.exp(), self.size.sum().expand(x.shape[0])

    def inverse(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """What is mapped to `z`."""
        return z * (-self.size).exp()
