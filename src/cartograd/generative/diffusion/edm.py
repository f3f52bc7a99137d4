"""EDM: noise on top of the whole example, and a network whose inputs and targets keep their size.

What the network answers is mixed with the noisy input so that it never has to undo much noise by
itself, nor to copy its input: at every level of noise its target has variance 1.

    D(x) = c_skip x + c_out F(c_in x),    c_skip = s^2 / (sigma^2 + s^2),
    c_out = sigma s / sqrt(sigma^2 + s^2),    c_in = 1 / sqrt(sigma^2 + s^2)

with `s` the standard deviation of the examples. Levels of noise are log-normal in training; the
loss of `F` is of weight one at every level, which is the paper's weighting of `D`.

Shapes: input noise `b d` or `b c y x` and (with classes) `b`; examples alike.

Departures: the network is ours (see `unet`); `forward` samples by Euler's method (DDIM), and
`--sampler heun` by the paper's.

References:
    Tero Karras, Miika Aittala, Timo Aila, Samuli Laine. Elucidating the design space of
    diffusion-based generative models. NeurIPS 2022. https://arxiv.org/abs/2206.00364

>>> import torch
>>> EDM(features=2, width=8)(torch.randn(3, 2)).shape
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
    name="edm",
    kind="model",
    entry="EDM",
    nodes=("diffusion/ddpm",),
    title="EDM",
    zh="EDM（扩散模型的设计空间）",
    paper="Elucidating the design space of diffusion-based generative models",
    year=2022,
    url="https://arxiv.org/abs/2206.00364",
    proofs=(
        "law: a network that answers zero has loss 1 at every level of noise, to 1 %",
        "law: the logarithms of its levels of noise have the paper's mean and deviation",
        "oracle: diffusers' EDMEulerScheduler and EDMDPMSolverMultistepScheduler, to 1e-5",
    ),
    tiny={"features": 4, "width": 4, "sampling_steps": 2},
    objective="denoising",
    answers="generate",
)


class EDM(nn.Module):
    """A denoiser of growing noise.

    Args:
        features: numbers of an example that is a vector.
        channels: of a picture.
        size: height and width of a picture.
        classes: how many there are to tell the model of; None trains without them.
        width: channels of the U-Net at its largest size; a quarter of the units of other networks.
        network: spec of another network for pictures, such as `dit`.
        sampling_steps: steps in which the model itself makes an example of noise.
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
        sampling_steps: int = 20,
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
            predicts="edm",
            classes=classes,
            steps=sampling_steps,
            limit=bound(channels),
            spread=sigma_data,
        )

    def forward(
        self, noise: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b ..."]:
        """One example for each row of noise, by DDIM."""
        return self.denoiser(noise, y)
