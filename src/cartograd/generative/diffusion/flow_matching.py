"""Flow matching: examples and noise on straight lines, and a network that learns the velocity.

Each example is joined to a noise by a line. Where lines cross, the network learns their mean
velocity; following it leads noise to examples, in few steps as the ways are nearly straight. As
rectified flow it is the same model.

    x_t = (1 - t) x + t noise,    v = noise - x

Shapes: input noise `b d` or `b c y x` and (with classes) `b`; examples alike.

Departures: time runs from the example (0) to noise (1), as in rectified flow's reversed form.
`forward` samples by DDIM, which on this path is Euler's method.

References:
    Yaron Lipman, Ricky Chen, Heli Ben-Hamu, Maximilian Nickel, Matt Le. Flow matching for
    generative modeling. ICLR 2023. https://arxiv.org/abs/2210.02747
    Xingchao Liu, Chengyue Gong, Qiang Liu. Flow straight and fast: learning to generate and
    transfer data with rectified flow. ICLR 2023. https://arxiv.org/abs/2209.03003

>>> import torch
>>> FlowMatching(features=2, width=8)(torch.randn(3, 2)).shape
torch.Size([3, 2])
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.spec import Spec
from cartograd.generative.diffusion.denoiser import Denoiser
from cartograd.generative.diffusion.nets import bound, chosen_network
from cartograd.generative.diffusion.paths import Straight

CARD = Card(
    name="flow-matching",
    aliases=("rectified-flow",),
    kind="model",
    entry="FlowMatching",
    nodes=("diffusion/ddpm",),
    title="Flow matching",
    zh="流匹配",
    paper="Flow matching for generative modeling",
    year=2023,
    url="https://arxiv.org/abs/2210.02747",
    proofs=(
        "law: on a Gaussian Euler's method is DDIM, to 1e-12",
        "oracle: diffusers' FlowMatchEulerDiscreteScheduler step by step, to 1e-5",
    ),
    tiny={"features": 4, "width": 4, "sampling_steps": 2},
    objective="denoising",
    answers="generate",
)


class FlowMatching(nn.Module):
    """A denoiser on straight paths.

    Args:
        features: numbers of an example that is a vector.
        channels: of a picture.
        size: height and width of a picture.
        classes: how many there are to tell the model of; None trains without them.
        width: channels of the U-Net at its largest size; a quarter of the units of other networks.
        network: spec of another network for pictures, such as `dit`.
        sampling_steps: steps in which the model itself makes an example of noise.
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
        dropout: float = 0.0,
    ):
        inside = chosen_network(
            network, features=features, channels=channels, size=size, classes=classes,
            width=width, dropout=dropout,
        )  # fmt: skip
        super().__init__()
        self.denoiser = Denoiser(
            inside,
            Straight(),
            predicts="velocity",
            classes=classes,
            steps=sampling_steps,
            limit=bound(channels),
        )

    def forward(
        self, noise: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b ..."]:
        """One example for each row of noise, by DDIM."""
        return self.denoiser(noise, y)
