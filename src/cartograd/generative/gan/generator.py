"""GAN: a network makes examples of noise, and learns from a critic that tells them from real ones.

Pictures are made as DCGAN makes them: a few numbers become a small map of many channels, whose size
is doubled by transposed convolutions until it is the picture's. Vectors are made by dense layers.
With classes a vector for each stands beside the noise, and changes the scale and the shift of each
batch normalisation; dense layers see the class as one of so many numbers that is 1. The critic
belongs to the objective: see `adversarial`, `wgan` and `wgan-gp`.

Shapes: input noise `b d` and (with classes) `b`; examples `b d` or `b c y x`.

Departures: DCGAN draws noise evenly from a cube, here it is normal. Sides that no doubling reaches
are cut off.

References:
    Ian Goodfellow and others. Generative adversarial nets. NeurIPS 2014.
    https://arxiv.org/abs/1406.2661
    Alec Radford, Luke Metz, Soumith Chintala. Unsupervised representation learning with deep
    convolutional generative adversarial networks. ICLR 2016. https://arxiv.org/abs/1511.06434
    Mehdi Mirza, Simon Osindero. Conditional generative adversarial nets. 2014.
    https://arxiv.org/abs/1411.1784
    Harm de Vries and others. Modulating early visual processing by language. NeurIPS 2017.
    https://arxiv.org/abs/1707.00683
    Andrew Brock, Jeff Donahue, Karen Simonyan. Large scale GAN training for high fidelity natural
    image synthesis. ICLR 2019. https://arxiv.org/abs/1809.11096

>>> import torch
>>> Generator(channels=1, size=28, latent=16, width=8)(torch.randn(3, 16)).shape
torch.Size([3, 1, 28, 28])
"""

from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="gan",
    aliases=("dcgan",),
    kind="model",
    entry="Generator",
    nodes=("gan/vanilla", "gan/conditional"),
    title="GAN (DCGAN for pictures)",
    zh="生成对抗网络（DCGAN）",
    paper="Generative adversarial nets",
    year=2014,
    url="https://arxiv.org/abs/1406.2661",
    proofs=(
        "law: pictures of any size from 4 to 33 have that size",
        "law: a class's vector changes the examples of that class alone",
        "law: the noise of what it made is found again by a search, and the error of the rest told",
    ),
    evidence={
        "gan/conditional": (
            "test_a_classs_vector_changes_its_examples_alone",
            "acceptance:gan-digits",
            "acceptance:gan-fashion",
        ),
    },
    tiny={"channels": 1, "size": 8, "classes": 3, "latent": 6, "width": 4},
    objective="adversarial",
    answers="generate",
)

SMALLEST = 7
"""Sides above this are made by doubling, and a picture by doubling once at least."""

START = 0.02
"""Standard deviation of DCGAN's weights at first."""


class Generator(nn.Module):
    """From noise to examples.

    Args:
        features: numbers of an example that is a vector.
        channels: of a picture.
        size: height and width of a picture.
        classes: how many there are to tell the model of; None trains without them.
        latent: numbers of noise that an example is made of.
        width: channels at half the picture's size; a quarter of the units for vectors.

    Raises:
        UsageError: nothing is said of the examples.
    """

    def __init__(
        self,
        *,
        features: int | None = None,
        channels: int | None = None,
        size: int | None = None,
        classes: int | None = None,
        latent: int = 64,
        width: int = 32,
    ):
        super().__init__()
        if channels is not None and size is not None:
            self.net: nn.Module = Deconvolutions(
                latent, channels=channels, size=size, classes=classes, width=width
            )
        elif features is not None:
            self.net = Dense(latent, features, width=4 * width, classes=classes)
        else:
            raise UsageError("a generator needs features= of vectors, or channels= and size=")

    def forward(
        self, noise: Float[Tensor, "b d"], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b ..."]:
        """One example for each row of noise."""
        return self.net(noise, y)


class Dense(nn.Module):
    """Dense layers, which see the class as one of so many numbers that is 1."""

    def __init__(self, latent: int, features: int, /, *, width: int, classes: int | None):
        super().__init__()
        self.classes, sizes = classes or 0, (latent + (classes or 0), width, width, width)
        layers = [
            part
            for before, after in pairwise(sizes)
            for part in (nn.Linear(before, after), nn.ReLU())
        ]
        self.layers = nn.Sequential(*layers, nn.Linear(width, features))

    def forward(
        self, noise: Float[Tensor, "b d"], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b ..."]:
        """One vector for each row of noise."""
        if y is not None:
            told = nn.functional.one_hot(y, self.classes).to(noise)
            noise = torch.cat([noise, told], dim=1)
        return self.layers(noise)


class Deconvolutions(nn.Module):
    """DCGAN's generator for square pictures of any size.

    Args:
        latent: numbers of noise, and of the vector that stands for a class.
        channels: of a picture.
        size: height and width.
        classes: how many, or None.
        width: channels at half the size; they double with each further halving.
    """

    def __init__(
        self, latent: int, /, *, channels: int, size: int, classes: int | None, width: int
    ):
        super().__init__()
        times, self.least = halvings(size)
        self.size, told = size, 0 if classes is None else latent
        widths = [width * 2**i for i in reversed(range(times))]
        self.told = None if classes is None else nn.Embedding(classes, told)
        self.first = nn.Linear(latent + told, widths[0] * self.least**2, bias=False)
        self.norms = nn.ModuleList(ClassNorm(own, told) for own in widths)
        self.larger = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
            for before, after in pairwise(widths)
        )
        self.larger.append(nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1))
        started(self)

    def forward(
        self, noise: Float[Tensor, "b d"], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b c y x"]:
        """One picture with numbers from -1 to 1 for each row of noise."""
        told = None if y is None or self.told is None else self.told(y)
        h = self.first(noise if told is None else torch.cat([noise, told], dim=1))
        h = h.unflatten(1, (-1, self.least, self.least))
        for norm, larger in zip(self.norms, self.larger, strict=True):
            h = larger(norm(h, told).relu())
        return h[..., : self.size, : self.size].tanh()


class ClassNorm(nn.Module):
    """Batch normalisation, whose scale and shift a class's vector changes where there are classes.

    They are linear in a vector that all layers share, as BigGAN has them: a table of one number for
    each class and channel would move by no more than the learning rate in a step.

    Args:
        channels: of the map.
        told: numbers of the vector; 0 for none.
    """

    def __init__(self, channels: int, told: int, /):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.by_class = nn.Linear(told, 2 * channels, bias=False) if told else None

    def forward(
        self, x: Float[Tensor, "b c y x"], told: Float[Tensor, "b d"] | None = None
    ) -> Float[Tensor, "b c y x"]:
        """Normalised over the batch."""
        h = self.norm(x)
        if told is None or self.by_class is None:
            return h
        scale, shift = self.by_class(told)[..., None, None].chunk(2, dim=1)
        return h * (1 + scale) + shift


def halvings(size: int, /) -> tuple[int, int]:
    """How often a side is halved (rounded up) until it is small, and what it is then.

    Raises:
        UsageError: it cannot be halved.

    >>> halvings(28), halvings(8), halvings(33), halvings(4)
    ((2, 7), (1, 4), (3, 5), (1, 2))
    """
    if size < 2:
        raise UsageError(f"pictures of side {size} are no pictures; a generator needs 2 or more")
    times = 0
    while times == 0 or size > SMALLEST:
        times, size = times + 1, -(-size // 2)
    return times, size


def started(module: nn.Module, /) -> None:
    """DCGAN's weights: normal numbers of standard deviation 0.02."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(part.weight, std=START)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
