"""Saliency: how strongly the output answers to a small change of each number of the input.

The gradient says which numbers the output is sensitive to right here; its sign says the direction,
its size how much. It costs one backward pass, is noisy, and says nothing where the network is
saturated: there `integrated_gradients` still sees a contribution.

    S_j(x) = |df(x) / dx_j|

Tokens have no gradient: of a model of tokens it is that at their embeddings, summed over features.

Shapes: x and the attribution (b ...), the same; f is one output of the model.

Departures: the paper takes the largest of a pixel's colours; here each colour keeps its own.

References:
    Karen Simonyan, Andrea Vedaldi, Andrew Zisserman. Deep inside convolutional networks:
    visualising image classification models and saliency maps. ICLR workshop 2014.
    https://arxiv.org/abs/1312.6034

>>> model = torch.nn.Linear(3, 2)
>>> attribution = saliency(model, torch.rand(1, 3), target=1)
>>> torch.allclose(attribution, model.weight[1:].abs())
True
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.frontier.explain.baselines import targets_of
from cartograd.frontier.explain.within import within
from cartograd.frontier.inputs import answers, chosen, looking, rows_at_once, slope

CARD = Card(
    name="saliency",
    kind="explainer",
    entry="saliency",
    nodes=("xai/evaluation",),
    title="Saliency",
    zh="显著图",
    paper="Deep inside convolutional networks",
    year=2014,
    url="https://arxiv.org/abs/1312.6034",
    proofs=(
        "oracle: captum.attr.Saliency, and at the embedding of a language model torch's own "
        "gradient, to 1e-10 in float64",
        "law: the gradient of a linear model is its weights, without their sign",
    ),
    evidence={
        "xai/evaluation": (
            "test_the_table_has_controls_and_a_picture_of_the_model_beats_them",
            "test_infidelity_is_nought_for_a_linear_models_contributions_and_one_for_none",
        ),
    },
)


def saliency(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
) -> Float[Tensor, "b ..."]:
    """The size of an output's gradient with respect to each number of each input.

    Args:
        model: any module; with a signature if it takes tokens.
        x: inputs in the units of the input port, or tokens.
        target: which output to explain, one for all or one each; by default the highest.

    Raises:
        UsageError: inputs without gradient, or an output that the model does not have.
    """
    if seen := within(model, x):
        return seen.told(saliency(seen, seen.vectors(x), target=target))
    return gradient(model, x, target=target).abs()


def gradient(
    model: nn.Module,
    x: Float[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None,
) -> Float[Tensor, "b ..."]:
    """The gradient of an output with respect to each number of each input, with its sign.

    Args: as of `saliency`.

    Raises:
        UsageError: as `saliency`.
    """
    rows, parts = rows_at_once(x), []
    with looking(model, x):
        targets = targets_of(model, x, target, rows)
        for part, own in zip(x.detach().split(rows), targets.split(rows), strict=True):
            point = part.clone().requires_grad_()
            parts.append(slope(chosen(answers(model, point), own).sum(), point))
    return torch.cat(parts)
