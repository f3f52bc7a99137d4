"""MAF: each number is scaled and shifted by what a masked network says of those before it.

All parameters of an example are said at once, so its density is one pass: MAF is for densities. A
sample is made number by number, one pass of the network for each: drawing costs as many passes as
an example has numbers. Each layer has the order of the one before it, reversed.

    z_i = x_i exp(s_i) + t_i,    s_i, t_i = net(x_1 ... x_i-1),    log |det| = sum s_i

Shapes: input `b d` (or any shape, which is flattened); log-densities ` b` in nats; codes `b d`.

Departures: scale and shift are of the way to the code (the paper's of the way back), log-scales are
bounded by 2 either way, and there is no batch normalisation between layers.

References:
    George Papamakarios, Theo Pavlakou, Iain Murray. Masked autoregressive flow for density
    estimation. NeurIPS 2017. https://arxiv.org/abs/1705.07057

>>> import torch
>>> model = maf(features=2)
>>> x = torch.randn(5, 2)
>>> bool((model.decode(model.encode(x)) - x).abs().max() < 1e-5)
True
"""

from cartograd.core.card import Card
from cartograd.generative.flows.autoregressive import Autoregressive, Reversed, masked_network
from cartograd.generative.flows.bends import Affine
from cartograd.generative.flows.flow import Flow

CARD = Card(
    name="maf",
    kind="model",
    entry="maf",
    nodes=("flow/change-of-variables",),
    title="Masked autoregressive flow",
    zh="掩码自回归流（MAF）",
    paper="Masked autoregressive flow for density estimation",
    year=2017,
    url="https://arxiv.org/abs/1705.07057",
    proofs=(
        "law: decoding undoes encoding to 1e-10 in float64, on data and on samples, after training",
        "law: the determinants of both ways are those of autograd's Jacobians, to 1e-9",
        "law: the density of a trained flow integrates to one, to 0.5 %",
        "law: an output has no gradient to its own and to later inputs",
        "oracle: zuko's masked transform with the same weights, outputs to 1e-10",
    ),
    aliases=("masked-autoregressive-flow",),
    evidence={
        "flow/change-of-variables": (
            "test_the_determinants_are_those_of_the_jacobians",
            "test_the_density_of_a_trained_flow_integrates_to_one",
        )
    },
    tiny={"features": 4, "depth": 2, "widths": (5,)},
    answers="density",
)


def maf(
    *,
    features: int,
    depth: int = 4,
    widths: tuple[int, ...] = (64, 64),
    activation: str = "relu",
    levels: int = 0,
    classes: int | None = None,
) -> Flow:
    """A chain of masked autoregressive layers.

    Args:
        features: numbers of one example.
        depth: how many layers.
        widths: units of the hidden layers of each network.
        activation: the nonlinearity of the networks, by name.
        levels: how many evenly spaced values from 0 to 1 a number takes; 0 if it is any.
        classes: how many there are to tell the model of; None trains without them.
    """
    bend, layers = Affine(), []
    for i in range(depth):
        net = masked_network(features, bend.count, widths=widths, activation=activation)
        layer = Autoregressive(bend, net)
        layers += [layer] if i == 0 else [Reversed(), layer]
    return Flow(layers, shape=(features,), levels=levels, classes=classes)
