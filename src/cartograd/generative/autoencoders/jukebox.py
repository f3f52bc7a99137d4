"""Jukebox: a sound as codes of two levels, a prior over the coarse ones, and one from them down.

Each level is a VQ-VAE of its own: the fine one has a code for 8 samples, the coarse one for 32.
Sounds are drawn from the top down: the top prior draws coarse codes, the upsampler fine ones given
these, and the fine decoder makes them sound. The probability of the codes makes the whole a bound.

    log p(x) >= log p(x | e_fine) + log p(fine | coarse) + log p(coarse)
    in training also: log p(x | e_coarse), minus w |z - sg e|^2 and the distance of spectra

Shapes: input `b c t` with c = 1 in [-1, 1] and (with classes) `b`; bounds ` b` in nats.

Departures: two levels (the paper's have three, of 8, 32 and 128 samples at 44,100 a second); gated
causal convolutions in the place of transformers; the priors are learned along with the codes, by
which no gradient goes back, and alone once these stay as they are; no lyrics and no timing.

References:
    Prafulla Dhariwal, Heewoo Jun, Christine Payne, Jong Wook Kim, Alec Radford, Ilya Sutskever.
    Jukebox: a generative model for music. 2020. https://arxiv.org/abs/2005.00341

>>> import torch
>>> model = Jukebox(features=64, codes=4, dim=2, width=4, depth=1).eval()
>>> model(torch.zeros(3, 1, 64)).shape, [level.numbers(torch.zeros(3, 1, 64)).shape[1]
...     for level in model.levels]
(torch.Size([3]), [8, 2])
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.generative.autoencoders.line_prior import LinePrior
from cartograd.generative.autoencoders.observations import Normal
from cartograd.generative.autoencoders.sound_level import SoundLevel
from cartograd.generative.autoencoders.spectra import WINDOWS, spectral_convergence

CARD = Card(
    name="jukebox",
    kind="model",
    entry="Jukebox",
    nodes=("ar/jukebox", "vae/vq"),
    title="Jukebox",
    zh="Jukebox（音频两级 VQ-VAE 与先验）",
    paper="Jukebox: a generative model for music",
    year=2020,
    url="https://arxiv.org/abs/2005.00341",
    proofs=(
        "law: the chances of all lines of codes sum to one, with a coarser level and without",
        "law: lines drawn with queues have the chances that whole passes give them",
        "law: the priors' gradients reach no code, and levels do not reach each other",
        "law: spectra of a sound and of itself are alike, of silence they are one apart",
    ),
    evidence={
        "ar/jukebox": (
            "test_a_drawn_sound_is_that_of_fine_codes_given_coarse_ones",
            "acceptance:jukebox-speech",
        ),
    },
    tiny={"features": 32, "classes": 3, "codes": 3, "dim": 2, "width": 3, "depth": 1},
    answers="density",
)

HALVINGS = (3, 5)
"""Of the fine and of the coarse level: a code for 8 samples, and for 32."""


class Jukebox(nn.Module):
    """Two levels, and their priors.

    Args:
        features: samples of one example, a multiple of 32.
        classes: how many there are to tell the priors of; None trains without them.
        codes: how many there are to choose from, at each level.
        dim: numbers of each code.
        width: features inside, of encoders, decoders and priors.
        depth: residual blocks at each length; the priors have four layers for each.
        commitment: how much the distance of the encoders' vectors from their codes counts.
        spectral_weight: how much the distance of spectra counts, for each sample.
        code_steps: passes of training in which the levels learn; after these the priors do alone.

    Raises:
        UsageError: the samples cannot be halved so often.
    """

    kinds: ClassVar = ("audio", "vector")
    """What examples may be; numbers in a row are heard as a sound."""
    lacking: ClassVar = {
        "passes": "is of a jukebox whose codes never settled; now they do, so it has to be trained "
        "anew"
    }
    """What is said of a state that lacks one of the names."""
    passes: Tensor

    def __init__(
        self,
        *,
        features: int,
        classes: int | None = None,
        codes: int = 256,
        dim: int = 16,
        width: int = 32,
        depth: int = 2,
        commitment: float = 0.02,
        spectral_weight: float = 1.0,
        code_steps: int = 200,
    ):
        super().__init__()
        most = 2 ** max(HALVINGS)
        if features % most:
            raise UsageError(
                f"sounds of {features} samples cannot be halved {max(HALVINGS)} times; expected a "
                f"multiple of {most}: `seconds=` of the data says how long they are"
            )
        self.features, self.likelihood = features, "bound"
        self.commitment, self.spectral_weight = commitment, spectral_weight
        self.code_steps = code_steps
        self.register_buffer("passes", torch.zeros((), dtype=torch.int64))
        self.levels = nn.ModuleList(
            SoundLevel(codes=codes, dim=dim, width=width, depth=depth, halvings=one)
            for one in HALVINGS
        )
        self.observations = nn.ModuleList(Normal(1) for _ in HALVINGS)
        fine, coarse = HALVINGS
        common = {"width": width, "depth": 4 * depth, "classes": classes}
        self.top = LinePrior(codes, features // 2**coarse, **common)
        self.upsampler = LinePrior(
            codes, features // 2**fine, covers=2 ** (coarse - fine), **common
        )

    def forward(
        self, x: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, " b"]:
        """A lower bound of the log-density of each sound, in nats."""
        x = x.flatten(1)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self._settled()):
            heard, fine, coarse = self._heard(x)
        return heard + self.upsampler.log_prob(fine, coarse, y) + self.top.log_prob(coarse, None, y)

    def _settled(self) -> bool:
        """Count a pass of training, and say whether the levels have learned by now."""
        if not self.training or self.passes.is_meta:
            return False
        settled = bool(self.passes >= self.code_steps)
        self.passes += 1
        self.levels.train(not settled)
        return settled

    def _heard(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The log-density of sounds given their codes, in training less what codes cost; these."""
        (made, far, fine), (rough, further, coarse) = (level(x[:, None]) for level in self.levels)
        near, less = self.observations
        bound = self._likely(near, x, made)
        if not self.training:
            return bound, fine, coarse
        bound = bound + self._likely(less, x, rough) - self.commitment * (far + further)
        windows = tuple(one for one in WINDOWS if one <= self.features) or (self.features,)
        apart = sum(spectral_convergence(x, one[:, 0], windows=windows) for one in (made, rough))
        return bound - self.spectral_weight * self.features * apart, fine, coarse

    def encode(
        self, x: Float[Tensor, "b ..."], _: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b d"]:
        """The fine codes of each sound, one after the other, of whatever class it is."""
        fine: Any = self.levels[0]
        return fine.book.codes[fine.numbers(x.flatten(1)[:, None])].flatten(1)

    def decode(
        self, z: Float[Tensor, "b d"], _: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b t"]:
        """The sounds with these fine codes."""
        fine: Any = self.levels[0]
        return fine.decoder(z.unflatten(1, (-1, fine.book.codes.shape[1])).mT)[:, 0]

    def reconstruct(
        self, x: Float[Tensor, "b ..."], _: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b ..."]:
        """The sounds of the fine codes of each."""
        return self.decode(self.encode(x)).reshape(x.shape)

    def sample(
        self,
        count: int,
        generator: torch.Generator,
        /,
        *,
        temperature: float = 1.0,
        y: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b t"]:
        """The sounds of fine codes that are drawn given coarse ones; below 1 likely ones."""
        coarse = self.top.sample(count, generator, temperature=temperature, y=y)
        fine = self.upsampler.sample(count, generator, temperature=temperature, coarse=coarse, y=y)
        level: Any = self.levels[0]
        return level.sound(fine)[:, 0]

    def _likely(self, around: nn.Module, x: Tensor, made: Tensor) -> Float[Tensor, " b"]:
        """The log-density of sounds around what a decoder says; one spread for all samples."""
        assert isinstance(around, Normal)
        each = around.log_prob(x.reshape(-1, 1), made.reshape(-1, 1))
        return each.unflatten(0, (-1, self.features)).sum(1)
