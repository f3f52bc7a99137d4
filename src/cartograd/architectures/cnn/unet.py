"""U-Net: down to small maps that know what, up again to large ones that know where.

Each halving widens what a unit sees and loses where it is. On the way up the maps are doubled, and
those of the same size from the way down are laid beside them, so that every pixel is named from
both. The way down is the paper's own, or any convolutional classifier of ours without its last
layers (`encoder`), whose maps of each size it takes.

    down:  m_0 = CC x,   m_i = CC pool m_(i-1)
    up:    u_s = m_s,    u_i = CC [m_i, double u_(i+1)],    logits = 1x1 convolution of u_0
    C: 3x3 convolution, norm, ReLU;  double: transposed 2x2 convolution of stride 2

Shapes: input `b c y x` of any height and width; logits `b k y x`. Where a size is no double of the
next, maps are brought to it by bilinear interpolation, and so are the logits of an encoder whose
first maps are smaller than the picture.

Departures: convolutions are padded, so that the answer is as large as the picture (the paper's lose
two pixels each, 572 to 388); norms beside them unless `norm=none`, which is the paper's form
(`unet-2015`); no dropout. Weights start from He's normal distribution, as the paper's, those of an
encoder as it starts itself.

References:
    Olaf Ronneberger, Philipp Fischer, Thomas Brox. U-Net: convolutional networks for biomedical
    image segmentation. MICCAI 2015. https://arxiv.org/abs/1505.04597

>>> with torch.device("meta"):
...     model = UNet(channels=1, classes=2, norm=None)
>>> sum(weight.numel() for weight in model.parameters())
31030658
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.architectures.cnn.stages import Stages, stages
from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.foundations.activations.layer import Activation
from cartograd.training.normalization.layers import Maps, of_maps

CARD = Card(
    name="unet",
    kind="model",
    entry="UNet",
    nodes=("cnn/conv",),
    title="U-Net",
    zh="U-Net",
    paper="U-Net: convolutional networks for biomedical image segmentation",
    year=2015,
    url="https://arxiv.org/abs/1505.04597",
    proofs=(
        "oracle: the paper's network written out with torch.nn, outputs and gradients to 1e-10 in "
        "float64",
        "law: on every convolutional classifier of ours each pixel is named, at odd sizes too",
        "paper: 23 convolutions, 31,030,658 parameters for one channel and two classes",
    ),
    tiny={"channels": 1, "size": 8, "classes": 3, "width": 4, "scales": 2},
)

PRESETS = {
    "unet-2015": {"norm": None},
}


class UNet(nn.Module):
    """A network that names each pixel.

    Args:
        width: channels of the largest maps, doubled with each halving (of an encoder: on the way
            up); the paper's 64.
        scales: how often the picture is halved; an encoder settles that itself.
        encoder: spec of a convolutional classifier whose maps are taken, like `resnet18`; by
            default the paper's own way down.
        channels, size: of the input image; the size chooses an encoder's stem.
        classes: number of classes.
        norm: of the maps: `batch`, `group`, `layer`, `instance` or `none`.

    Raises:
        UsageError: the encoder has no maps of several sizes.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        scales: int = 4,
        encoder: str | None = None,
        channels: int = 3,
        size: int = 64,
        classes: int = 2,
        norm: Maps = "batch",
    ):
        super().__init__()
        if encoder is None:
            self.down = _own_way(channels, width, scales, norm)
        else:
            network = build(encoder, kind="model", channels=channels, size=size, classes=classes)
            self.down = stages(network, channels=channels, size=size)
        widths = [width * 2**i for i in range(len(self.down.widths))]
        if encoder is None:
            widths = list(self.down.widths)
        elif len(widths) < 2:
            raise UsageError(f"unet: encoder={encoder} never halves a picture of {size} pixels")
        before, ups = self.down.widths[-1], []
        for beside, own in list(zip(self.down.widths, widths, strict=True))[-2::-1]:
            ups.append(Up(before, beside, own, norm))
            before = own
        self.up = nn.ModuleList(ups)
        self.last = nn.Conv2d(before, classes, 1)
        _initialise([self.up, self.last] if encoder else [self])

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k y x"]:
        """Logits of each pixel."""
        *maps, h = self.down(x)
        for up, beside in zip(self.up, reversed(maps), strict=True):
            h = up(h, beside)
        return _sized(self.last(h), x)


class Up(nn.Module):
    """Maps doubled, with those of the same size from the way down beside them, and convolved."""

    def __init__(self, into: int, beside: int, out: int, norm: Maps, /):
        super().__init__()
        self.larger = nn.ConvTranspose2d(into, out, 2, stride=2)
        self.both = _twice(out + beside, out, norm)

    def forward(
        self, x: Float[Tensor, "b d v u"], beside: Float[Tensor, "b c y x"]
    ) -> Float[Tensor, "b k y x"]:
        """From d channels to k, as large as the maps beside."""
        return self.both(torch.cat([beside, _sized(self.larger(x), beside)], 1))


def _sized(maps: Tensor, like: Tensor) -> Tensor:
    """Maps as large as others."""
    if maps.shape[2:] == like.shape[2:]:
        return maps
    return F.interpolate(maps, size=like.shape[2:], mode="bilinear", align_corners=False)


def _own_way(channels: int, width: int, scales: int, norm: Maps) -> Stages:
    """The paper's way down: two convolutions at each size, and pooling before the next."""
    groups, into, widths = [], channels, tuple(width * 2**i for i in range(scales + 1))
    for number, own in enumerate(widths):
        pool = [nn.MaxPool2d(2, ceil_mode=True)] if number else []
        groups.append([*pool, *_twice(into, own, norm)])
        into = own
    return Stages(groups, widths)


def _twice(into: int, out: int, norm: Maps) -> nn.Sequential:
    """Two convolutions with norm and nonlinearity."""
    plain = norm is None
    layers: list[nn.Module] = []
    for before in (into, out):
        layers.append(nn.Conv2d(before, out, 3, padding=1, bias=plain))
        layers += [] if plain else [of_maps(out, norm=norm)]
        layers.append(Activation("relu"))
    return nn.Sequential(*layers)


def _initialise(parts: list[nn.Module]) -> None:
    for part in parts:
        for module in part.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
