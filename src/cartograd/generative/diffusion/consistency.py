"""Consistency model: one call of a network from any amount of noise to the example itself.

All points of a way from noise to an example have the same answer. With no noise to speak of, at the
least sigma, the answer is what the network was given, whatever its weights: the skip is 1 and the
network's share 0.

    f(x, s) = skip(s) x + out(s) F(x, s),    skip = d^2 / ((s - s_min)^2 + d^2)
    out = d (s - s_min) / sqrt(s^2 + d^2)

Shapes: input noise `b d` or `b c y x` and (with classes) `b`; examples alike.

Departures: the network is that of our EDM. It is learned from one (`consistency-distillation`), not
alone.

References:
    Yang Song, Prafulla Dhariwal, Mark Chen, Ilya Sutskever. Consistency models. ICML 2023.
    https://arxiv.org/abs/2303.01469

>>> import torch
>>> ConsistencyModel(features=2, width=8)(torch.randn(3, 2)).shape
torch.Size([3, 2])
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.spec import Spec
from cartograd.generative.diffusion.denoiser import Denoiser
from cartograd.generative.diffusion.nets import bound, chosen_network
from cartograd.generative.diffusion.paths import Growing

CARD = Card(
    name="consistency",
    kind="model",
    entry="ConsistencyModel",
    nodes=("diffusion/ddim",),
    title="Consistency model",
    zh="一致性模型",
    paper="Consistency models",
    year=2023,
    url="https://arxiv.org/abs/2303.01469",
    proofs=(
        "law: at the least noise it answers with what it is given, exactly",
        "oracle: skip and share of diffusers' CMStochasticIterativeScheduler, to 1e-12",
    ),
    tiny={"features": 4, "width": 4},
    answers="generate",
)


class ConsistencyModel(nn.Module):
    """A denoiser of growing noise that answers with the end of the way.

    Args:
        features: numbers of an example that is a vector.
        channels: of a picture.
        size: height and width of a picture.
        classes: how many there are to tell the model of; None trains without them.
        width: channels of the U-Net at its largest size; a quarter of the units of other networks.
        network: spec of another network for pictures, such as `dit`.
        sigma_data: standard deviation of the examples, standardised as the model sees them.
        dropout: share of activations that are dropped in each block of the U-Net.
    """

    def __init__(
        self,
        *,
        features: int | None = None,
        channels: int | None = None,
        size: int | None = None,
        classes: int | None = None,
        width: int = 32,
        network: Spec | str | None = None,
        sigma_data: float = 0.5,
        dropout: float = 0.0,
    ):
        inside = chosen_network(
            network, features=features, channels=channels, size=size, classes=classes,
            width=width, dropout=dropout,
        )  # fmt: skip
        super().__init__()
        self.denoiser = Denoiser(
            inside,
            Growing(),
            predicts="consistency",
            classes=classes,
            steps=1,
            limit=bound(channels),
            spread=sigma_data,
        )

    def forward(
        self, noise: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b ..."]:
        """One example for each row of noise, by one call of the network."""
        return self.denoiser(noise, y)
