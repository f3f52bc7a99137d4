"""DiffWave: dilated convolutions that hear both ways take noise out of a sound.

WaveNet's gated layers with kernels of three, whose gaps double and begin anew: each sample is told
by those before and after it. All layers are told the time and the class; what they put aside makes
the answer. The last layer is zero, so that a new network answers exactly 0.

    h_l = conv_l(x_l + W_l told),    u, x' = V_l (tanh(h_a) sigmoid(h_b)),
    x_(l+1) = (x_l + x') / sqrt 2,   answer = O relu(P (u_1 + ... + u_L) / sqrt L)

Shapes: noisy sounds `b 1 t` (or `b t`), times `b`, classes `b`; answers `b o t`, o = `outputs`.

Departures: so many samples in a row are the channels of one position (`patch_size`; the paper has
one), by which everything is as much cheaper; sounds that patches do not fill are extended by zeros.
No spectrogram is told. Minutes of one core are not enough for it to draw speech: after three passes
over English announcements its sounds were further from these than coloured noise is, where
`spectrogram-diffusion` draws nearer ones.

References:
    Zhifeng Kong, Wei Ping, Jiaji Huang, Kexin Zhao, Bryan Catanzaro. DiffWave: a versatile
    diffusion model for audio synthesis. ICLR 2021. https://arxiv.org/abs/2009.09761

>>> net = DiffWave(features=30, dim=8, depth=3, patch_size=4)
>>> net(torch.randn(2, 1, 30), torch.tensor([3.0, 700.0])).shape, net.receptive_field
(torch.Size([2, 1, 30]), 116)
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.generative.autoregressive.gated_stack import gate
from cartograd.generative.diffusion.told import Told

CARD = Card(
    name="diffwave-net",
    kind="layer",
    entry="DiffWave",
    nodes=("diffusion/audio",),
    title="DiffWave",
    zh="DiffWave（波形扩散网络）",
    paper="DiffWave: a versatile diffusion model for audio synthesis",
    year=2021,
    url="https://arxiv.org/abs/2009.09761",
    proofs=(
        "oracle: the formulas layer by layer with torch's convolutions, outputs and gradients to "
        "1e-10 in float64",
        "law: an answer depends on the samples of its receptive field, before and after, and on no "
        "others; a sound turned around by turned kernels gives the answer turned around",
        "law: a new network answers exactly 0; a sound moved by a patch gives the answer moved",
    ),
    evidence={
        "diffusion/audio": (
            "test_an_answer_hears_its_receptive_field_before_and_after_and_nothing_else",
        ),
    },
    tiny={"features": 12, "classes": 3, "dim": 8, "depth": 2, "repeats": 1, "patch_size": 2},
)


class DiffWave(nn.Module):
    """Dilated gated convolutions of noisy sounds.

    Args:
        features: samples of a sound.
        classes: how many, so that `classes` itself stands for none of them; None without any.
        dim: features of a position.
        depth: layers whose gaps double from 1.
        repeats: how often these layers come, one set after the other.
        patch_size: samples that are one position.
        outputs: answers, each of the shape of a sound.
    """

    def __init__(
        self,
        *,
        features: int,
        classes: int | None = None,
        dim: int = 64,
        depth: int = 7,
        repeats: int = 2,
        patch_size: int = 8,
        outputs: int = 1,
    ):
        super().__init__()
        self.features, self.patch, self.outputs = features, patch_size, outputs
        gaps = [2**layer for layer in range(depth)] * repeats
        self.receptive_field = patch_size * (2 * sum(gaps) + 1)
        self.told = Told(2 * dim, classes)
        self.first = nn.Conv1d(patch_size, dim, 1)
        self.layers = nn.ModuleList(BothWays(dim, 2 * dim, gap) for gap in gaps)
        self.mixed = nn.Conv1d(dim, dim, 1)
        self.last = nn.Conv1d(dim, patch_size * outputs, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # pyright: ignore[reportArgumentType]

    def forward(
        self,
        x: Float[Tensor, "b ..."],
        time: Float[Tensor, " b"],
        y: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b ..."]:
        """What is predicted, of the shape of `x`, or with so many times its first size.

        Raises:
            UsageError: a sound has another length.
        """
        sound = x.flatten(1)
        if sound.shape[1] != self.features:
            raise UsageError(
                f"diffwave-net: sounds of {sound.shape[1]} samples; expected {self.features}"
            )
        told = F.silu(self.told(time, y))
        h = F.pad(sound, (0, -self.features % self.patch)).unflatten(1, (-1, self.patch)).mT
        h = F.relu(self.first(h))
        total = torch.zeros_like(h)
        for layer in self.layers:
            h, aside = layer(h, told)
            total = total + aside
        h = self.last(F.relu(self.mixed(total / len(self.layers) ** 0.5)))
        h = h.unflatten(1, (self.outputs, self.patch)).mT.flatten(2)[:, :, : self.features]
        return h.reshape(x.shape[0], -1, *x.shape[2:])


class BothWays(nn.Module):
    """A gated convolution over what is a gap before and after each position."""

    def __init__(self, dim: int, told: int, gap: int, /):
        super().__init__()
        self.tell = nn.Linear(told, dim)
        self.conv = nn.Conv1d(dim, 2 * dim, 3, padding=gap, dilation=gap)
        self.out = nn.Conv1d(dim, 2 * dim, 1)

    def forward(
        self, x: Float[Tensor, "b d t"], told: Float[Tensor, "b c"]
    ) -> tuple[Float[Tensor, "b d t"], Float[Tensor, "b d t"]]:
        """The next layer's input, and what is put aside for the answer."""
        h = self.conv(x + self.tell(told)[:, :, None])
        kept, aside = self.out(gate(h)).chunk(2, dim=1)
        return (x + kept) * 0.5**0.5, aside
