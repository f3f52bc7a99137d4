"""CycleGAN: two generators, there and back, that learn from pictures of two domains without pairs.

A picture is halved twice, changed by residual blocks and doubled twice. Instance normalisation
takes out how bright and contrasted a map is as a whole; edges are mirrored, so that no frame is
painted. The critics and the losses belong to the objective `cyclegan-game`.

    G: A -> B,    F: B -> A;    forward is G

Shapes: pictures `b c y x` of both domains, with sides that four divides.

Departures: none in the network.

References:
    Jun-Yan Zhu, Taesung Park, Phillip Isola, Alexei Efros. Unpaired image-to-image translation
    using cycle-consistent adversarial networks. ICCV 2017. https://arxiv.org/abs/1703.10593
    Justin Johnson, Alexandre Alahi, Li Fei-Fei. Perceptual losses for real-time style transfer and
    super-resolution. ECCV 2016. https://arxiv.org/abs/1603.08155

>>> import torch
>>> model = CycleGAN(channels=1, size=28, width=4, blocks=1)
>>> model(torch.randn(2, 1, 28, 28)).shape
torch.Size([2, 1, 28, 28])
"""

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.generative.gan.generator import started

CARD = Card(
    name="cyclegan",
    kind="model",
    entry="CycleGAN",
    nodes=("gan/cyclegan",),
    title="CycleGAN",
    zh="CycleGAN 循环一致生成网络",
    paper="Unpaired image-to-image translation using cycle-consistent adversarial networks",
    year=2017,
    url="https://arxiv.org/abs/1703.10593",
    proofs=(
        "law: how bright and contrasted all maps of the first layer are does not count, to 1e-4",
        "paper: nine blocks have 11,378,179 weights each way, as the authors' program prints",
    ),
    evidence={
        "gan/cyclegan": ("test_the_networks_have_the_published_size", "acceptance:negatives"),
    },
    tiny={"channels": 1, "size": 8, "width": 2, "blocks": 1},
    objective="cyclegan-game",
    answers="image-to-image",
)


class CycleGAN(nn.Module):
    """Two generators.

    Args:
        channels: of a picture.
        size: its side, which four divides.
        width: channels at the full size.
        blocks: residual blocks of each; the paper has 6 for sides of 128, 9 for larger ones.

    Raises:
        UsageError: four does not divide the side.
    """

    def __init__(self, *, channels: int, size: int, width: int = 64, blocks: int = 9):
        super().__init__()
        if size % 4 or size < 8:
            raise UsageError(
                f"cyclegan halves a side twice, and {size} cannot be; expected a multiple of 4 "
                "from 8 on: `size=` of the data makes it so"
            )
        self.there = recaster(channels, width=width, blocks=blocks)
        self.back = recaster(channels, width=width, blocks=blocks)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Pictures of A as pictures of B, standardised both."""
        return self.there(x)

    def translate(
        self, x: Float[Tensor, "b c y x"], /, *, backwards: bool = False
    ) -> Float[Tensor, "b c y x"]:
        """Pictures as pictures of the other domain: from A to B, or from B to A."""
        return self.back(x) if backwards else self.there(x)


def recaster(channels: int, /, *, width: int, blocks: int) -> nn.Sequential:
    """One generator."""
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 7, padding=3, padding_mode="reflect")]
    layers += _normed(width)
    for own in (width, 2 * width):
        layers += [nn.Conv2d(own, 2 * own, 3, stride=2, padding=1), *_normed(2 * own)]
    layers += [Block(4 * width) for _ in range(blocks)]
    for own in (4 * width, 2 * width):
        layers.append(nn.ConvTranspose2d(own, own // 2, 3, stride=2, padding=1, output_padding=1))
        layers += _normed(own // 2)
    layers += [nn.Conv2d(width, channels, 7, padding=3, padding_mode="reflect"), nn.Tanh()]
    net = nn.Sequential(*layers)
    started(net)
    return net


def _normed(channels: int) -> list[nn.Module]:
    return [nn.InstanceNorm2d(channels), nn.ReLU()]


class Block(nn.Module):
    """Two convolutions and the straight way beside them."""

    def __init__(self, channels: int, /):
        super().__init__()
        first, second = (
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect") for _ in "ab"
        )
        self.layers = nn.Sequential(first, *_normed(channels), second, nn.InstanceNorm2d(channels))

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Of the same shape."""
        return x + self.layers(x)
