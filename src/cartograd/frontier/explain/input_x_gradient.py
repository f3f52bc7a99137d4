"""Input times gradient: what each number contributes, if the model were linear from nothing to it.

The gradient says how much the output would change by; times the number itself it says how much of
the output the number accounts for. Of a network of ReLUs without biases the contributions add up
to the output; where the network is saturated they say nothing, as the gradient does.

    A_j(x) = x_j df(x) / dx_j;      of a hidden layer h:  h_j df / dh_j  (gradient x activation)

Tokens have no gradient: of a model of tokens it is that at their embeddings, summed over features.

Shapes: x and the attribution (b ...), the same; f is one output of the model.

Departures: none.

References:
    Avanti Shrikumar, Peyton Greenside, Anna Shcherbina, Anshul Kundaje. Not just a black box:
    learning important features through propagating activation differences. 2016.
    https://arxiv.org/abs/1605.01713

>>> import torch
>>> model, x = torch.nn.Linear(3, 2), torch.tensor([[1.0, 2.0, -1.0]])
>>> torch.allclose(input_x_gradient(model, x, target=1), x * model.weight[1])
True
"""

from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.explain.saliency import gradient
from cartograd.frontier.explain.within import within

CARD = Card(
    name="input-x-gradient",
    kind="explainer",
    entry="input_x_gradient",
    nodes=("xai/evaluation",),
    title="Input x gradient",
    zh="输入乘梯度",
    paper="Not just a black box: learning important features through propagating activation "
    "differences",
    year=2016,
    url="https://arxiv.org/abs/1605.01713",
    proofs=(
        "oracle: captum.attr.InputXGradient, and at a layer LayerGradientXActivation, to 1e-10 in "
        "float64",
        "law: of a ReLU network without biases the contributions add up to the output, exactly",
    ),
)


def input_x_gradient(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
) -> Float[Tensor, "b ..."]:
    """Each number of each input times an output's gradient with respect to it.

    Args:
        model: any module; with a signature if it takes tokens.
        x: inputs in the units of the input port, or tokens.
        target: which output to explain, one for all or one each; by default the highest.

    Raises:
        UsageError: inputs without gradient, or an output that the model does not have.
    """
    if seen := within(model, x):
        vectors = seen.vectors(x)
        return seen.told(input_x_gradient(seen, vectors, target=target))
    return x.detach() * gradient(model, x, target=target)
