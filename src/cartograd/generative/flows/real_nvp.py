"""RealNVP: half of the numbers scale and shift the other half, so that the inverse is a formula.

A coupling leaves the numbers under its mask as they are and lets a network of these scale and shift
all others. Undoing it needs no inverse of the network, and its Jacobian is triangular: the
determinant is the sum of the log-scales. Masks alternate, so that each number changes in every
second coupling. Density, code and sample are each one pass.

    y = m x + (1 - m) (x exp(s(m x)) + t(m x)),    log |det| = sum (1 - m) s(m x)

Shapes: input `b d` or `b c y x`; log-densities ` b` in nats; codes as inputs, `b d`.

Departures: dense networks of the numbers under the mask (the paper's are convolutions over squeezed
images, with batch normalisation between couplings; see conv-real-nvp); log-scales are bounded by 2
and begin at zero, so that the flow begins as the identity.

References:
    Laurent Dinh, Jascha Sohl-Dickstein, Samy Bengio. Density estimation using Real NVP. ICLR 2017.
    https://arxiv.org/abs/1605.08803

>>> import torch
>>> model = real_nvp(features=2, depth=4)
>>> x = torch.randn(5, 2)
>>> bool((model.decode(model.encode(x)) - x).abs().max() < 1e-5)
True
"""

from cartograd.core.card import Card
from cartograd.generative.flows.bends import Affine
from cartograd.generative.flows.coupling import dense_couplings
from cartograd.generative.flows.flow import Flow

CARD = Card(
    name="real-nvp",
    kind="model",
    entry="real_nvp",
    nodes=("flow/realnvp",),
    title="RealNVP",
    zh="RealNVP（仿射耦合流）",
    paper="Density estimation using Real NVP",
    year=2017,
    url="https://arxiv.org/abs/1605.08803",
    proofs=(
        "law: decoding undoes encoding to 1e-10 in float64, on data and on samples, after training",
        "law: the determinant is that of autograd's Jacobian, to 1e-10",
        "law: the density of a trained flow integrates to one, to 0.5 %",
        "oracle: nflows' AffineCouplingTransform, both ways and gradients, to 1e-10",
    ),
    evidence={
        "flow/realnvp": (
            "test_decoding_undoes_encoding_after_training",
            "test_the_density_integrates_to_one_and_is_near_the_true_one",
            "acceptance:flow-digits",
            "acceptance:flow-moons",
        ),
    },
    tiny={"features": 4, "depth": 2, "widths": (5,)},
    answers="density",
)


def real_nvp(
    *,
    features: int,
    depth: int = 8,
    widths: tuple[int, ...] = (64, 64),
    activation: str = "relu",
    levels: int = 0,
    classes: int | None = None,
) -> Flow:
    """A chain of affine couplings.

    Args:
        features: numbers of one example.
        depth: how many couplings; each number is changed by every second one.
        widths: units of the hidden layers of each coupling's network.
        activation: the nonlinearity of the networks, by name.
        levels: how many evenly spaced values from 0 to 1 a number takes; 0 if it is any.
        classes: how many there are to tell the model of; None trains without them.
    """
    layers = dense_couplings(features, Affine(), depth=depth, widths=widths, activation=activation)
    return Flow(layers, shape=(features,), levels=levels, classes=classes)
