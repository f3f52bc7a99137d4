"""Deconvolution: the way back through a network, with ReLUs there as well.

The network is run backwards: each layer's weights transposed, each maximum put where it came from,
and what comes back through a ReLU rectified once more. It differs from the gradient in this alone:
which units were on does not count.

    dx = dy [dy > 0]        at each ReLU

Shapes: x and the attribution (b ...), the same; f is one output of the model.

Departures: the output that is explained starts with 1, where the paper starts with one feature's
own height; that is a factor for the whole.

References:
    Matthew D. Zeiler, Rob Fergus. Visualizing and understanding convolutional networks. ECCV 2014.
    https://arxiv.org/abs/1311.2901

>>> import torch
>>> first, last = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)
>>> model = torch.nn.Sequential(first, torch.nn.ReLU(), last)
>>> found = deconvnet(model, torch.rand(5, 3), target=1)
>>> torch.allclose(found, (last.weight[1].relu() @ first.weight).expand(5, 3))
True
"""

from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.explain.rectified import rectified_gradient

CARD = Card(
    name="deconvnet",
    kind="explainer",
    entry="deconvnet",
    nodes=("xai/deconvnet",),
    title="Deconvolution",
    zh="反卷积",
    paper="Visualizing and understanding convolutional networks",
    year=2014,
    url="https://arxiv.org/abs/1311.2901",
    proofs=(
        "oracle: captum.attr.Deconvolution, to 1e-10 in float64, where its hooks see all ReLUs",
        "law: the same network written with functions, with one shared ReLU and in place gives the "
        "same, exactly, and keeps nothing",
    ),
    evidence={
        "xai/deconvnet": ("test_what_relus_pass_back_is_captums", "test_however_a_relu_is_written")
    },
)


def deconvnet(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
) -> Float[Tensor, "b ..."]:
    """What comes back from an output to each number of each input.

    Args:
        model: any module that calls ReLUs; with a signature if it takes tokens.
        x: inputs in the units of the input port, or tokens.
        target: which output to explain, one for all or one each; by default the highest.

    Raises:
        UsageError: inputs without gradient, an output that the model does not have, or no ReLU.
    """
    return rectified_gradient(model, x, target=target, guided=False)
