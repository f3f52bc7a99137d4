"""Flow++: couplings that bend each number by a mixture's distribution function, and learned noise.

Networks of gated convolutions, in which positions attend to each other, say a mixture of logistics
for each number; its distribution function bends it. The noise between levels of grey is learned,
too. Densities are one pass; the inverse of a bend halves an interval until it is exact.

    y = logit(sum_k pi_k sigma((x - m_k) exp(-s_k))) exp(a) + c

Shapes: pictures `b c y x`; log-densities ` b` in nats; codes `b d`.

Departures: half of the channels leave after each squeeze, as in RealNVP (the paper keeps them all);
networks are small, without dropout; middles of the components begin evenly spread.

References:
    Jonathan Ho, Xi Chen, Aravind Srinivas, Yan Duan, Pieter Abbeel. Flow++: improving flow-based
    generative models with variational dequantization and architecture design. ICML 2019.
    https://arxiv.org/abs/1902.00275

>>> import torch
>>> model = flow_plus_plus(channels=1, size=4, width=8).double()
>>> x = torch.rand(5, 1, 4, 4).double()
>>> bool((model.decode(model.encode(x)) - x).abs().max() < 1e-8)
True
"""

from torch import nn

from cartograd.core.card import Card
from cartograd.generative.flows.actnorm import ActNorm
from cartograd.generative.flows.coupling import couplings
from cartograd.generative.flows.dequantiser import noise_of
from cartograd.generative.flows.flow import Flow
from cartograd.generative.flows.halves import Channels, Checkerboard, Halves
from cartograd.generative.flows.invertible_linear import InvertibleLinear
from cartograd.generative.flows.mixture_cdf import MixtureCdf
from cartograd.generative.flows.multi_scale import multi_scale
from cartograd.generative.flows.nets import GatedNet

CARD = Card(
    name="flow-plus-plus",
    kind="model",
    entry="flow_plus_plus",
    nodes=("flow/flowpp", "flow/discrete"),
    title="Flow++",
    zh="Flow++（混合逻辑斯谛耦合流）",
    paper="Flow++: improving flow-based generative models",
    year=2019,
    url="https://arxiv.org/abs/1902.00275",
    proofs=(
        "law: decoding undoes encoding to 1e-10 in float64, on data and on samples, after training",
        "law: the determinants of both ways are those of autograd's Jacobians, to 1e-9",
        "law: the bend is the mixture's distribution function, by scipy's logistics, to 1e-10",
        "law: learned noise starts as even noise and its bound rises above it",
        "law: several draws bound by importance weights, above the mean of one draw each",
    ),
    aliases=("flowpp",),
    evidence={
        "flow/flowpp": (
            "test_decoding_undoes_encoding_after_training",
            "test_the_bend_is_the_distribution_function_of_a_mixture",
            "acceptance:flow-plus-plus-fashion",
        ),
        "flow/discrete": (
            "test_learned_noise_bounds_no_worse_than_even_noise",
            "test_several_draws_bound_by_importance_weights",
            "acceptance:flow-plus-plus-fashion",
        ),
    },
    tiny={"channels": 1, "size": 8, "depth": 1, "width": 8, "components": 2},
    answers="density",
)

FIELDS, CHANNELS = 4, 2
"""Couplings that divide fields and channels at each size."""


def flow_plus_plus(
    *,
    channels: int,
    size: int,
    depth: int = 1,
    scales: int = 1,
    width: int = 32,
    components: int = 4,
    dequantisation: str = "variational",
    levels: int = 0,
    classes: int | None = None,
) -> Flow:
    """Couplings of fields and of channels at several sizes.

    Args:
        channels: of a picture.
        size: its height and width, which can be halved `scales` times.
        depth: residual blocks of each network, each with attention.
        scales: how often the sides are halved.
        width: channels of the networks, a multiple of 8.
        components: logistics of each mixture.
        dequantisation: what fills the gaps between levels: `uniform` or `variational` noise.
        levels: how many evenly spaced values from 0 to 1 a number takes; 0 if it is any.
        classes: how many there are to tell the model of; None trains without them.
    """
    bend = MixtureCdf(components)

    def net(before: int, after: int) -> nn.Module:
        return GatedNet(before, after, width=width, depth=depth, attention=True)

    def steps(count: int, every: list[Halves]) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for coupling in couplings(every, bend, count, net):
            mixed = [InvertibleLinear(count)] if count > 1 else []
            layers += [ActNorm(count), *mixed, coupling]
        return layers

    def fields(shape: tuple[int, int, int]) -> list[nn.Module]:
        return steps(shape[0], [Checkerboard(odd=bool(i % 2)) for i in range(FIELDS)])

    def channelwise(shape: tuple[int, int, int]) -> list[nn.Module]:
        return steps(shape[0], [Channels(odd=bool(i % 2)) for i in range(CHANNELS)])

    shape = (channels, size, size)
    layers = multi_scale(shape, scales, before=fields, after=channelwise, learned=False)
    noise = noise_of(dequantisation, shape)
    return Flow(layers, shape=shape, levels=levels, classes=classes, noise=noise)
