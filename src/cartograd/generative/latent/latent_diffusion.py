"""Latent diffusion: a picture of a text, denoised as a small map of codes.

An autoencoder makes pictures small and gives them back. A denoiser learns what their codes are
like, and at every size its places attend to the tokens of a text; so each of its many steps costs
little, and is told what is wanted. Codes are scaled to a variance of about one.

    z = scale m(x),    z_t = alpha z + sigma noise,    x = decode(z / scale)

Shapes: noise `b ...`, at least as many numbers as a code has; tokens `b t`; pictures `b c y x`.

Departures: an example is made of the first numbers of its noise. New autoencoders are trained
together with the denoiser, which does not move them (`latent-denoising`); `scale` follows their
codes.

References:
    Robin Rombach, Andreas Blattmann, Dominik Lorenz, Patrick Esser, Björn Ommer. High-resolution
    image synthesis with latent diffusion models. CVPR 2022. https://arxiv.org/abs/2112.10752

>>> model = LatentDiffusion(
...     channels=1, size=8, vocabulary=9, sampling_steps=2,
...     autoencoder="autoencoder-kl:latent=2,widths=[4,8],blocks=1,groups=2",
...     encoder="clip-text:context=5,dim=8,heads=2,depth=1",
...     network="latent-unet:widths=[8,8],blocks=1,heads=2,groups=2",
... )
>>> model(torch.randn(3, 32), torch.randint(9, (3, 5))).shape
torch.Size([3, 1, 8, 8])
"""

import math
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.clip_text import CLIPText
from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.generative.diffusion.denoiser import Denoiser
from cartograd.generative.diffusion.published_steps import published_steps
from cartograd.generative.latent.autoencoder_kl import AutoencoderKL

CARD = Card(
    name="latent-diffusion",
    kind="model",
    entry="LatentDiffusion",
    nodes=("diffusion/latent",),
    title="Latent text-to-image diffusion",
    zh="潜在文本到图像扩散",
    aliases=("ldm", "stable-diffusion"),
    paper="High-resolution image synthesis with latent diffusion models",
    year=2022,
    url="https://arxiv.org/abs/2112.10752",
    proofs=(
        "oracle: diffusers' StableDiffusionPipeline, by its own folder: the same pictures of the "
        "same noise, guided, by DDIM, DPM-Solver++ and Euler, to 1e-5",
        "law: guidance 0 is the empty text's, 1 the text's own",
        "paper: 1,066,235,307 parameters of Stable Diffusion 1.5",
    ),
    evidence={"diffusion/latent": ("test_pictures_are_those_of_diffusers",)},
    tiny={
        "channels": 1,
        "size": 4,
        "vocabulary": 7,
        "chain": 20,
        "sampling_steps": 2,
        "autoencoder": "autoencoder-kl:latent=1,widths=[2,2],blocks=1,groups=1",
        "encoder": "clip-text:context=7,dim=4,heads=1,depth=1,ffn_dim=4",
        "network": "latent-unet:widths=[4,4],blocks=1,heads=1,groups=2",
    },
    objective="latent-denoising",
    answers="generate",
)

PRESETS = {
    "latent-diffusion-tiny": {
        "autoencoder": "autoencoder-kl:latent=8,widths=[8,16,32],blocks=1,groups=8",
        "encoder": "clip-text:context=16,dim=64,heads=4,depth=1",
        "network": "latent-unet:widths=[64,96],blocks=1,heads=4,groups=8",
        "predicts": "v",
        "sampling_steps": 20,
    },
    "latent-diffusion-small": {
        "autoencoder": "autoencoder-kl:latent=4,widths=[16,32,32],blocks=1,groups=8",
        "encoder": "clip-text:context=16,dim=64,heads=4,depth=2",
        "network": "latent-unet:widths=[32,64],blocks=1,heads=4,groups=8",
        "predicts": "v",
        "sampling_steps": 20,
    },
}


class LatentDiffusion(nn.Module):
    """Pictures of texts.

    Args:
        channels: of a picture.
        size: height and width of a picture.
        vocabulary: how many tokens there are.
        autoencoder: spec of the layer between pictures and codes.
        encoder: spec of the layer that reads texts.
        network: spec of the layer that denoises codes.
        chain: how many steps there are from an example to noise.
        beta_schedule: how its steps grow, and which of them samplers take (`published_steps`).
        predicts: `noise`, `example` or `v`.
        sampling_steps: steps in which the model itself makes an example of noise.

    Raises:
        UsageError: a layer is of another sort, or the picture cannot be halved so often.
    """

    scale: Tensor

    def __init__(
        self,
        *,
        channels: int,
        size: int,
        vocabulary: int,
        autoencoder: Spec | str = "autoencoder-kl",
        encoder: Spec | str = "clip-text",
        network: Spec | str = "latent-unet",
        chain: int = 1000,
        beta_schedule: Spec | str = "scaled-linear",
        predicts: str = "noise",
        sampling_steps: int = 50,
    ):
        super().__init__()
        self.autoencoder = cast(
            "AutoencoderKL", build(autoencoder, kind="layer", channels=channels)
        )
        if not isinstance(self.autoencoder, AutoencoderKL):
            raise UsageError(f"autoencoder={autoencoder} has no codes; expected autoencoder-kl")
        reader = build(encoder, kind="layer", vocabulary=vocabulary)
        if not isinstance(reader, CLIPText):
            raise UsageError(f"encoder={encoder} reads no texts; expected clip-text")
        smaller = self.autoencoder.shrinks
        if size % smaller:
            raise UsageError(
                f"pictures of {size} pixels cannot be made {smaller} times as small; expected a "
                f"multiple of {smaller}"
            )
        latent = self.autoencoder.latent
        self.dims = (latent, size // smaller, size // smaller)
        inside = build(
            network, kind="layer", channels=latent, memory_dim=reader.positions.embedding_dim
        )
        path = published_steps(beta_schedule, chain)
        path.chain.check(sampling_steps, called="sampling_steps")
        path.levels(sampling_steps)
        self.denoiser = Denoiser(
            Reading(reader, inside),
            path,
            predicts=predicts,
            classes=None,
            steps=sampling_steps,
            empty=torch.zeros(reader.context, dtype=torch.int64),
        )
        self.register_buffer("scale", torch.ones(()))
        why = "what it denoises are codes, which its autoencoder makes of examples with a loss"
        self.lacks = dict.fromkeys(("log_prob", "encode", "decode", "interpolate", "inpaint"), why)

    def forward(
        self, noise: Float[Tensor, "b ..."], text: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b c y x"]:
        """One picture for each row of noise, by DDIM."""
        return self.decoded(self.denoiser(self.begun(noise), text))

    def begun(self, noise: Float[Tensor, "b ..."], /) -> Float[Tensor, "b c y x"]:
        """See `DrawsCodes`."""
        return noise.flatten(1)[:, : math.prod(self.dims)].unflatten(1, self.dims)

    def coded(self, x: Float[Tensor, "b c y x"], /) -> Float[Tensor, "b c2 y2 x2"]:
        """See `DrawsCodes`; the likeliest code."""
        return self.scale * self.autoencoder.posterior(x)[0]

    def decoded(self, z: Float[Tensor, "b c y x"], /) -> Float[Tensor, "b c2 y2 x2"]:
        """See `DrawsCodes`."""
        return self.autoencoder.decode(z / self.scale)


class Reading(nn.Module):
    """A denoising network that attends to a text, and what reads the text for it."""

    def __init__(self, reader: nn.Module, network: nn.Module, /):
        super().__init__()
        self.reader, self.network = reader, network

    def forward(
        self, x: Float[Tensor, "b c y x"], time: Float[Tensor, " b"], text: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b c y x"]:
        """What is predicted."""
        return self.network(x, time, self.reader(text))
