"""Glow: normalisation, an invertible 1x1 convolution and an affine coupling, again and again.

The convolution is a learned permutation of channels, so that couplings may always divide them at
the middle. Normalisations are set by the first batch. Half of the channels leave at each size, with
a middle and a spread that the others say. A temperature below 1 draws likelier pictures.

    step = coupling(W (x + b) exp(s)),    log |det| = pixels (sum s + log |det W|) + sum s(x_a)

Shapes: pictures `b c y x`; log-densities ` b` in nats; codes `b d`.

Departures: log-scales of couplings are bounded by 2 either way, so that the inverse is finite
everywhere (the paper's sigmoid falls to 0 and its inverse overflows); the last layers of networks
have no learned gain; the prior of the whole code that is told the class has a middle for each
number.

References:
    Diederik Kingma, Prafulla Dhariwal. Glow: generative flow with invertible 1x1 convolutions.
    NeurIPS 2018. https://arxiv.org/abs/1807.03039

>>> import torch
>>> model = glow(channels=1, size=8, depth=2, width=8)
>>> x = torch.rand(5, 1, 8, 8)
>>> bool((model.decode(model.encode(x)) - x).abs().max() < 1e-4)
True
"""

from torch import nn

from cartograd.core.card import Card
from cartograd.generative.flows.actnorm import ActNorm
from cartograd.generative.flows.bends import Affine
from cartograd.generative.flows.coupling import Coupling
from cartograd.generative.flows.dequantiser import noise_of
from cartograd.generative.flows.flow import Flow
from cartograd.generative.flows.halves import Channels
from cartograd.generative.flows.invertible_linear import InvertibleLinear
from cartograd.generative.flows.multi_scale import multi_scale
from cartograd.generative.flows.nets import three_convolutions

CARD = Card(
    name="glow",
    kind="model",
    entry="glow",
    nodes=("flow/glow",),
    title="Glow",
    zh="Glow（可逆 1x1 卷积流）",
    paper="Glow: generative flow with invertible 1x1 convolutions",
    year=2018,
    url="https://arxiv.org/abs/1807.03039",
    proofs=(
        "law: decoding undoes encoding to 1e-10 in float64, on data and on samples, after training",
        "law: the determinants of both ways are those of autograd's Jacobians, to 1e-9",
        "law: the first batch leaves each normalisation with mean 0 and variance 1, once",
        "law: untrained it costs what the levels do and no more than the identity",
        "oracle: nflows' linear map with the same triangles, outputs and determinant to 1e-10",
    ),
    evidence={
        "flow/glow": (
            "test_decoding_undoes_encoding_after_training",
            "test_the_first_batch_sets_a_normalisation_once",
            "acceptance:glow-fashion",
        )
    },
    tiny={"channels": 1, "size": 8, "depth": 1, "width": 8, "classes": 3},
    answers="density",
)


def glow(
    *,
    channels: int,
    size: int,
    depth: int = 8,
    scales: int = 2,
    width: int = 64,
    dequantisation: str = "uniform",
    levels: int = 0,
    classes: int | None = None,
) -> Flow:
    """Steps of flow at several sizes.

    Args:
        channels: of a picture.
        size: its height and width, which can be halved `scales` times.
        depth: steps at each size.
        scales: how often the sides are halved.
        width: channels of the networks.
        dequantisation: what fills the gaps between levels: `uniform` or `variational` noise.
        levels: how many evenly spaced values from 0 to 1 a number takes; 0 if it is any.
        classes: how many there are to tell the model of; None trains without them.
    """

    def steps(shape: tuple[int, int, int]) -> list[nn.Module]:
        return [layer for _ in range(depth) for layer in _step(shape[0], width)]

    shape = (channels, size, size)
    layers = multi_scale(shape, scales, before=lambda _: [], after=steps, learned=True)
    noise = noise_of(dequantisation, shape)
    return Flow(layers, shape=shape, levels=levels, classes=classes, noise=noise)


def _step(channels: int, width: int) -> list[nn.Module]:
    halves, bend = Channels(odd=False), Affine()
    own, other = halves.sizes(channels)
    net = three_convolutions(own, bend.count * other, width=width)
    return [ActNorm(channels), InvertibleLinear(channels), Coupling(halves, bend, net)]
