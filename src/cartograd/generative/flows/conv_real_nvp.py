"""RealNVP for pictures: convolutional couplings of fields and of channels, at several sizes.

At each size three couplings divide the picture like a checkerboard; then squares of four pixels
become channels, three couplings divide these, and half of them leave as a part of the code. The
last ones divide channels.

    y_b = x_b exp(s(x_a)) + t(x_a),    log |det| = sum s(x_a)

Shapes: pictures `b c y x`; log-densities ` b` in nats; codes `b d`.

Departures: a network sees its half of the fields as channels at half the size, not under a mask;
log-scales are bounded by 2; gated residual networks without batch normalisation, and no batch
normalisation between couplings; after the last squeeze channels are divided, as sides may be odd.

References:
    Laurent Dinh, Jascha Sohl-Dickstein, Samy Bengio. Density estimation using Real NVP. ICLR 2017.
    https://arxiv.org/abs/1605.08803

>>> import torch
>>> model = conv_real_nvp(channels=1, size=8, width=8)
>>> x = torch.rand(5, 1, 8, 8)
>>> bool((model.decode(model.encode(x)) - x).abs().max() < 1e-4)
True
"""

from torch import nn

from cartograd.core.card import Card
from cartograd.generative.flows.bends import Affine
from cartograd.generative.flows.coupling import couplings
from cartograd.generative.flows.flow import Flow
from cartograd.generative.flows.halves import Channels, Checkerboard
from cartograd.generative.flows.multi_scale import multi_scale
from cartograd.generative.flows.nets import GatedNet

CARD = Card(
    name="conv-real-nvp",
    kind="model",
    entry="conv_real_nvp",
    nodes=("flow/realnvp",),
    title="RealNVP for pictures",
    zh="用于图像的 RealNVP",
    paper="Density estimation using Real NVP",
    year=2017,
    url="https://arxiv.org/abs/1605.08803",
    proofs=(
        "law: decoding undoes encoding to 1e-10 in float64, on data and on samples, after training",
        "law: the determinants of both ways are those of autograd's Jacobians, to 1e-9",
    ),
    evidence={"flow/realnvp": ("test_decoding_undoes_encoding_after_training",)},
    tiny={"channels": 1, "size": 8, "depth": 1, "width": 8},
    answers="density",
)

COUPLINGS = 3
"""Of each kind at each size, as in the paper."""


def conv_real_nvp(
    *,
    channels: int,
    size: int,
    depth: int = 2,
    scales: int = 2,
    width: int = 32,
    levels: int = 0,
    classes: int | None = None,
) -> Flow:
    """Affine couplings at several sizes.

    Args:
        channels: of a picture.
        size: its height and width, which can be halved `scales` times.
        depth: residual blocks of each network.
        scales: how often the sides are halved.
        width: channels of the networks, a multiple of 8.
        levels: how many evenly spaced values from 0 to 1 a number takes; 0 if it is any.
        classes: how many there are to tell the model of; None trains without them.
    """

    def net(before: int, after: int) -> nn.Module:
        return GatedNet(before, after, width=width, depth=depth, attention=False)

    def fields(shape: tuple[int, int, int]) -> list[nn.Module]:
        halves = [Checkerboard(odd=bool(i % 2)) for i in range(COUPLINGS)]
        return couplings(halves, Affine(), shape[0], net)

    def channelwise(shape: tuple[int, int, int]) -> list[nn.Module]:
        halves = [Channels(odd=bool(i % 2)) for i in range(COUPLINGS)]
        return couplings(halves, Affine(), shape[0], net)

    shape = (channels, size, size)
    layers = multi_scale(shape, scales, before=fields, after=channelwise, learned=False)
    return Flow(layers, shape=shape, levels=levels, classes=classes)
