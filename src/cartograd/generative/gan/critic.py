"""The critic (discriminator): how real an example looks, as one number.

Of a class it is told by a projection: the class's own vector times what the last layer sees of the
example is added to the number.

    D(x, y) = psi(phi(x)) + <v_y, phi(x)>

Departures: the projection is of all positions of the last map, where the paper adds them up first.
A class's vector begins as small as the other weights, not as large as an embedding's, or it would
hardly turn at the steps of an optimizer that are right for these.

References:
    Alec Radford, Luke Metz, Soumith Chintala. Unsupervised representation learning with deep
    convolutional generative adversarial networks. ICLR 2016. https://arxiv.org/abs/1511.06434
    Takeru Miyato, Masanori Koyama. cGANs with projection discriminator. ICLR 2018.
    https://arxiv.org/abs/1802.05637
    Takeru Miyato, Toshiki Kataoka, Masanori Koyama, Yuichi Yoshida. Spectral normalization for
    generative adversarial networks. ICLR 2018. https://arxiv.org/abs/1802.05957

>>> import torch
>>> vectors = Port("x", "vector", (2,), task="generate")
>>> critic = critic_for(Signature((Port("noise", "vector", (4,)),), (vectors,)), width=8)
>>> critic(torch.randn(3, 2)).shape
torch.Size([3])
"""

from itertools import pairwise

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port, Signature
from cartograd.generative.gan.generator import START, halvings, started

NORMS = (None, "spectral", "batch")
SLOPE = 0.2
"""Of a leaky ReLU below zero."""


class Critic(nn.Module):
    """Layers that see an example, and what is made of their answer.

    Args:
        layers: from an example to `seen` numbers.
        seen: how many.
        classes: how many it is told of, or None.
        bias: whether a number is added to every answer.
    """

    def __init__(self, layers: nn.Module, seen: int, /, *, classes: int | None, bias: bool):
        super().__init__()
        self.layers, self.last = layers, nn.Linear(seen, 1, bias=bias)
        self.told = None if classes is None else nn.Embedding(classes, seen)
        if self.told is not None:
            nn.init.normal_(self.told.weight, std=START)

    def forward(
        self, x: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, " b"]:
        """A number for each example: high for a real one."""
        seen = self.layers(x)
        found = self.last(seen)[:, 0]
        return found if y is None or self.told is None else found + (self.told(y) * seen).sum(1)


def critic_for(
    signature: Signature, /, *, width: int, norm: str | None = None, bias: bool = True
) -> Critic:
    """A critic of the examples that a generator with this signature makes.

    Args:
        signature: of the generator.
        width: channels at half the size; a quarter of the units for vectors.
        norm: how layers are normalised: `spectral` (each is at most as steep as 1), `batch` or
            none.
        bias: whether a number is added to every answer; it does not count where only differences of
            answers do.

    Raises:
        UsageError: there are no critics of such examples, or no such norm.
    """
    if norm not in NORMS:
        raise unknown("norm of a critic", str(norm), [str(one).lower() for one in NORMS])
    port = signature.example
    classes = None if signature.condition is None else len(signature.condition.labels)
    if port.kind == "image":
        critic = _of_pictures(port, width=width, norm=norm, classes=classes, bias=bias)
    elif len(port.dims) == 1 and norm != "batch":
        critic = _of_vectors(port.size, width=4 * width, classes=classes, bias=bias)
    else:
        raise UsageError(
            f"there is no critic with norm={norm} of examples of kind {port.kind!r}; expected "
            "pictures, or vectors with norm=none or spectral"
        )
    if norm == "spectral":
        for part in critic.modules():
            if isinstance(part, nn.Conv2d | nn.Linear | nn.Embedding):
                spectral_norm(part)
    return critic


def _of_vectors(features: int, /, *, width: int, classes: int | None, bias: bool) -> Critic:
    sizes = (features, width, width, width)
    layers = [
        part
        for before, after in pairwise(sizes)
        for part in (nn.Linear(before, after), nn.LeakyReLU(SLOPE))
    ]
    return Critic(nn.Sequential(*layers), width, classes=classes, bias=bias)


def _of_pictures(
    port: Port, /, *, width: int, norm: str | None, classes: int | None, bias: bool
) -> Critic:
    """DCGAN's discriminator: strided convolutions, the first without a norm."""
    channels, height, across = (int(dim) for dim in port.dims)
    if height != across:
        raise UsageError(f"pictures of {height} by {across}: generators make square ones")
    times, _ = halvings(height)
    widths = [channels, *(width * 2**i for i in range(times))]
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(pairwise(widths)):
        layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1))
        layers += [nn.BatchNorm2d(after)] if norm == "batch" and number else []
        layers.append(nn.LeakyReLU(SLOPE))
    seen = widths[-1] * (height >> times) ** 2
    critic = Critic(nn.Sequential(*layers, nn.Flatten()), seen, classes=classes, bias=bias)
    if norm is not None:
        started(critic)
    return critic
