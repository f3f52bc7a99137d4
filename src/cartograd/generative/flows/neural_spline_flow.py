"""Neural spline flow: couplings that bend each number along a rational-quadratic spline.

A spline with a few knots can have several steep rises, where an affine map only stretches, so few
couplings fit densities of many peaks. Its inverse is the root of a quadratic: density and sample
are one pass each. Between couplings an invertible linear map mixes the numbers.

    y_b = spline(x_b; net(x_a)),    log |det| = sum log spline'(x_b)

Shapes: input `b d` (or any shape, which is flattened); log-densities ` b` in nats; codes `b d`.

Departures: networks are plain (the paper's are residual).

References:
    Conor Durkan, Artur Bekasov, Iain Murray, George Papamakarios. Neural spline flows. NeurIPS
    2019. https://arxiv.org/abs/1906.04032

>>> import torch
>>> model = neural_spline_flow(features=2)
>>> x = torch.randn(5, 2)
>>> bool((model.decode(model.encode(x)) - x).abs().max() < 1e-4)
True
"""

from cartograd.core.card import Card
from cartograd.generative.flows.coupling import dense_couplings
from cartograd.generative.flows.flow import Flow
from cartograd.generative.flows.invertible_linear import InvertibleLinear
from cartograd.generative.flows.splines import Spline

CARD = Card(
    name="neural-spline-flow",
    kind="model",
    entry="neural_spline_flow",
    nodes=("flow/change-of-variables",),
    title="Neural spline flow",
    zh="神经样条流",
    paper="Neural spline flows",
    year=2019,
    url="https://arxiv.org/abs/1906.04032",
    proofs=(
        "law: decoding undoes encoding to 1e-10 in float64, on data and on samples, after training",
        "law: the determinants of both ways are those of autograd's Jacobians, to 1e-9",
        "law: the density of a trained flow integrates to one, to 0.5 %",
        "oracle: zuko's spline through the same knots, outputs and slopes to 1e-10",
    ),
    aliases=("nsf",),
    evidence={
        "flow/change-of-variables": (
            "test_the_determinants_are_those_of_the_jacobians",
            "test_the_density_of_a_trained_flow_integrates_to_one",
        )
    },
    tiny={"features": 4, "depth": 2, "widths": (5,), "bins": 3},
    answers="density",
)


def neural_spline_flow(
    *,
    features: int,
    depth: int = 4,
    widths: tuple[int, ...] = (64, 64),
    activation: str = "relu",
    bins: int = 8,
    tail: float = 4.0,
    levels: int = 0,
    classes: int | None = None,
) -> Flow:
    """A chain of spline couplings, with a linear map before each but the first.

    Args:
        features: numbers of one example.
        depth: how many couplings.
        widths: units of the hidden layers of each coupling's network.
        activation: the nonlinearity of the networks, by name.
        bins: pieces of each spline.
        tail: from where on, either way, a spline is the diagonal.
        levels: how many evenly spaced values from 0 to 1 a number takes; 0 if it is any.
        classes: how many there are to tell the model of; None trains without them.
    """
    couplings = dense_couplings(
        features, Spline(bins, tail), depth=depth, widths=widths, activation=activation
    )
    layers = [couplings[0]]
    for coupling in couplings[1:]:
        layers += [InvertibleLinear(features), coupling]
    return Flow(layers, shape=(features,), levels=levels, classes=classes)
