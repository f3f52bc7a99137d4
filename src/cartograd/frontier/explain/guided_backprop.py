"""Guided backpropagation: the gradient, in which each ReLU passes back only what speaks for it.

On the way back each ReLU stops what is negative, besides what did not get through on the way there:
what remains are the paths on which every step raises the output. The pictures are sharp, and partly
for the wrong reason: edges survive whatever the output is, as a randomised network shows.

    dx = dy [x > 0] [dy > 0]        at each ReLU

Shapes: x and the attribution (b ...), the same; f is one output of the model.

Departures: none; ReLUs are met wherever the model calls them, as modules or as functions.

References:
    Jost Tobias Springenberg, Alexey Dosovitskiy, Thomas Brox, Martin Riedmiller. Striving for
    simplicity: the all convolutional net. ICLR workshop 2015. https://arxiv.org/abs/1412.6806

>>> import torch
>>> first, last = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)
>>> model = torch.nn.Sequential(first, torch.nn.ReLU(), last)
>>> guided_backprop(model, torch.rand(5, 3), target=1).shape
torch.Size([5, 3])
"""

from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.explain.rectified import rectified_gradient

CARD = Card(
    name="guided-backprop",
    kind="explainer",
    entry="guided_backprop",
    nodes=("xai/guided-backprop",),
    title="Guided backpropagation",
    zh="导向反向传播",
    paper="Striving for simplicity: the all convolutional net",
    year=2015,
    url="https://arxiv.org/abs/1412.6806",
    proofs=(
        "oracle: captum.attr.GuidedBackprop, to 1e-10 in float64, where its hooks see all ReLUs",
        "law: the same network written with functions, with one shared ReLU and in place gives the "
        "same, exactly, and keeps nothing",
    ),
    evidence={
        "xai/guided-backprop": (
            "test_what_relus_pass_back_is_captums",
            "test_however_a_relu_is_written",
        )
    },
)


def guided_backprop(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
) -> Float[Tensor, "b ..."]:
    """The guided gradient of an output with respect to each number of each input.

    Args:
        model: any module that calls ReLUs; with a signature if it takes tokens.
        x: inputs in the units of the input port, or tokens.
        target: which output to explain, one for all or one each; by default the highest.

    Raises:
        UsageError: inputs without gradient, an output that the model does not have, or no ReLU.
    """
    return rectified_gradient(model, x, target=target, guided=True)
