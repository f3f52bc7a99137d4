"""IAF: a masked autoregressive layer the other way round, so that a sample is one pass.

Each number of an example is bent by what a network says of the code's numbers before it, and a code
is known at once when a sample is drawn: IAF is for sampling. The density of a given example needs
its code number by number, one pass of the network for each, in training as well.

    x_i = z_i exp(s_i) + t_i,    s_i, t_i = net(z_1 ... z_i-1),    log |det dz/dx| = -sum s_i

Shapes: input `b d` (or any shape, which is flattened); log-densities ` b` in nats; codes `b d`.

Departures: trained by maximum likelihood on examples (the paper's is the posterior of an
autoencoder, where only its own samples need densities); log-scales are bounded by 2 either way.

References:
    Diederik Kingma, Tim Salimans, Rafal Jozefowicz, Xi Chen, Ilya Sutskever, Max Welling. Improving
    variational inference with inverse autoregressive flow. NeurIPS 2016.
    https://arxiv.org/abs/1606.04934

>>> import torch
>>> model = iaf(features=2)
>>> x = torch.randn(5, 2)
>>> bool((model.decode(model.encode(x)) - x).abs().max() < 1e-5)
True
"""

from cartograd.core.card import Card
from cartograd.generative.flows.autoregressive import (
    Autoregressive,
    Inverted,
    Reversed,
    masked_network,
)
from cartograd.generative.flows.bends import Affine
from cartograd.generative.flows.flow import Flow

CARD = Card(
    name="iaf",
    kind="model",
    entry="iaf",
    nodes=("flow/change-of-variables",),
    title="Inverse autoregressive flow",
    zh="逆自回归流（IAF）",
    paper="Improving variational inference with inverse autoregressive flow",
    year=2016,
    url="https://arxiv.org/abs/1606.04934",
    proofs=(
        "law: decoding undoes encoding to 1e-10 in float64, on data and on samples, after training",
        "law: the determinants of both ways are those of autograd's Jacobians, to 1e-9",
        "law: the density of a trained flow integrates to one, to 0.5 %",
        "law: it is MAF the other way round, to the bit",
    ),
    aliases=("inverse-autoregressive-flow",),
    evidence={
        "flow/change-of-variables": (
            "test_the_determinants_are_those_of_the_jacobians",
            "test_the_density_of_a_trained_flow_integrates_to_one",
        )
    },
    tiny={"features": 4, "depth": 2, "widths": (5,)},
    answers="density",
)


def iaf(
    *,
    features: int,
    depth: int = 4,
    widths: tuple[int, ...] = (64, 64),
    activation: str = "relu",
    levels: int = 0,
    classes: int | None = None,
) -> Flow:
    """A chain of autoregressive layers from codes to examples.

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
        layers += [Inverted(layer)] if i == 0 else [Reversed(), Inverted(layer)]
    return Flow(layers, shape=(features,), levels=levels, classes=classes)
