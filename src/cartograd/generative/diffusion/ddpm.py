"""DDPM: examples are worn away to noise in a thousand steps, and a network learns the way back.

The network is told how noisy an example is, and guesses the noise in it; so it knows the example
behind it, and a sampler can take a step towards that. Of a class that is left out now and then in
training it knows what the class changes, by which sampling can be guided.

    x_t = sqrt(abar_t) x + sqrt(1 - abar_t) noise,    abar_t = prod (1 - beta_s)

Shapes: input noise `b d` or `b c y x` and (with classes) `b`; examples alike.

Departures: the paper's U-Net has four sizes and two blocks at each; ours has two of one block, and
cuts pictures of 24 pixels or more into patches of two by two. `forward` samples by DDIM. With
`zero_terminal_snr` the chain ends in noise alone, so that examples may be as bright or dark as a
whole as they like.

References:
    Jonathan Ho, Ajay Jain, Pieter Abbeel. Denoising diffusion probabilistic models. NeurIPS 2020.
    https://arxiv.org/abs/2006.11239
    Alex Nichol, Prafulla Dhariwal. Improved denoising diffusion probabilistic models. ICML 2021.
    https://arxiv.org/abs/2102.09672
    Shanchuan Lin, Bingchen Liu, Jiashi Li, Xiao Yang. Common diffusion noise schedules and sample
    steps are flawed. WACV 2024. https://arxiv.org/abs/2305.08891
    Tim Salimans, Jonathan Ho. Progressive distillation for fast sampling of diffusion models. ICLR
    2022. https://arxiv.org/abs/2202.00512

>>> import torch
>>> DDPM(features=2, width=8)(torch.randn(3, 2)).shape
torch.Size([3, 2])
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec
from cartograd.generative.diffusion.denoiser import Denoiser
from cartograd.generative.diffusion.nets import bound, chosen_network
from cartograd.generative.diffusion.paths import steps

CARD = Card(
    name="ddpm",
    kind="model",
    entry="DDPM",
    nodes=("diffusion/ddpm",),
    title="DDPM",
    zh="DDPM（去噪扩散概率模型）",
    paper="Denoising diffusion probabilistic models",
    year=2020,
    url="https://arxiv.org/abs/2006.11239",
    proofs=(
        "law: the noise of a closed step is that of the chain of all steps before it, to 1e-12",
        "law: every parametrisation gives the example back from the right answer, to 1e-10",
        "law: of normal data the variational bound is the density, with the right variances",
        "law: the levels of the last step sum to one; its noise at the end is 2.9e-5 bits",
        "oracle: alphas of diffusers' DDPMScheduler, to 1e-6; with zero terminal SNR, too",
    ),
    evidence={
        "diffusion/ddpm": (
            "test_a_closed_step_is_that_of_all_steps_before_it",
            "test_of_normal_data_the_bound_is_the_density",
            "test_a_trained_flow_draws_like_its_data_and_an_untrained_one_does_not",
            "acceptance:diffusion-digits",
        ),
    },
    tiny={
        "channels": 1,
        "size": 8,
        "classes": 3,
        "width": 8,
        "sampling_steps": 2,
        "chain": 20,
        "beta_schedule": "cosine",
        "predicts": "v",
    },
    objective="denoising",
    answers="generate",
)

PRESETS = {
    "improved-ddpm": {"beta_schedule": "cosine", "variance": "learned"},
    "v-diffusion": {"beta_schedule": "cosine", "predicts": "v"},
    "zero-snr": {"beta_schedule": "cosine", "predicts": "v", "zero_terminal_snr": True},
    "diffwave": {
        "network": "diffwave-net",
        "beta_schedule": "cosine",
        "predicts": "v",
        "width": 16,
    },
    "dit-s-2": {"network": "dit:depth=12,heads=6", "width": 96, "variance": "learned"},
    "dit-b-2": {"network": "dit:depth=12,heads=12", "width": 192, "variance": "learned"},
    "dit-xl-2": {"network": "dit:depth=28,heads=16", "width": 288, "variance": "learned"},
}

VARIANCES = ("fixed", "learned")
"""How sure a step is: as of an example that is known, or as the network says."""


class DDPM(nn.Module):
    """A denoiser on DDPM's chain.

    Args:
        features: numbers of an example that is a vector.
        channels: of a picture.
        size: height and width of a picture.
        classes: how many there are to tell the model of; None trains without them.
        width: channels of the U-Net at its largest size; a quarter of the units of other networks.
        network: spec of another network for pictures, such as `dit`.
        chain: how many steps there are from an example to noise.
        beta_schedule: how its steps grow: `linear` or `cosine`.
        predicts: `noise`, `example` or `v`.
        sampling_steps: steps in which the model itself makes an example of noise.
        dropout: share of activations that are dropped in each block of the U-Net.
        variance: of a step of the chain: `fixed` to the least, or `learned` in between.
        zero_terminal_snr: whether the last step of the chain leaves nothing of the example.

    Raises:
        UsageError: the examples' sizes are missing, a word is unknown, or noise is predicted where
            there is nothing else.
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
        chain: int = 1000,
        beta_schedule: str = "linear",
        predicts: str = "noise",
        sampling_steps: int = 20,
        dropout: float = 0.0,
        variance: str = "fixed",
        zero_terminal_snr: bool = False,
    ):
        if variance not in VARIANCES:
            raise unknown("variance", variance, VARIANCES)
        if zero_terminal_snr and predicts == "noise":
            raise UsageError(
                "zero_terminal_snr=true with predicts=noise: at the last step all is noise, and to "
                "predict it says nothing of the example; give predicts=v"
            )
        learned = variance == "learned"
        inside = chosen_network(
            network, features=features, channels=channels, size=size, classes=classes,
            width=width, dropout=dropout, outputs=1 + learned,
        )  # fmt: skip
        path = steps(beta_schedule, chain, to_noise=zero_terminal_snr)
        path.check(sampling_steps, called="sampling_steps")
        super().__init__()
        self.denoiser = Denoiser(
            inside,
            path,
            predicts=predicts,
            classes=classes,
            steps=sampling_steps,
            limit=bound(channels),
            learned=learned,
        )

    def forward(
        self, noise: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b ..."]:
        """One example for each row of noise, by DDIM."""
        return self.denoiser(noise, y)
