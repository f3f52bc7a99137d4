"""Occlusion: how much the output loses when a part of the input is covered.

Cover a square of the picture, a number of the row or a token of the text by "nothing", ask the
model again, and see what becomes of its answer. It needs no gradient: whatever answers can be
explained, a file of another program included.

    O_j(x) = f(x) - f(x with the part that j lies in replaced by the baseline)

Shapes: x and the attribution (b ...), the same; f is one output of the model.

Departures: the squares lie side by side, where the paper slides one over the picture.

References:
    Matthew D. Zeiler, Rob Fergus. Visualizing and understanding convolutional networks. ECCV 2014.
    https://arxiv.org/abs/1311.2901

>>> model = torch.nn.Linear(3, 2)
>>> x = torch.tensor([[1.0, 2.0, -1.0]])
>>> torch.allclose(occlusion(model, x, target=1), x * model.weight[1], atol=1e-6)
True
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.eval_mode import evaluating
from cartograd.frontier.explain.baselines import Baseline, start_of, targets_of
from cartograd.frontier.explain.parts import Parts, covered, part_numbers
from cartograd.frontier.inputs import check_takes, rows_at_once

CARD = Card(
    name="occlusion",
    kind="explainer",
    entry="occlusion",
    nodes=("xai/evaluation",),
    title="Occlusion",
    zh="遮挡分析",
    paper="Visualizing and understanding convolutional networks",
    year=2014,
    url="https://arxiv.org/abs/1311.2901",
    proofs=(
        "oracle: captum.attr.FeatureAblation with the same parts, of a picture and of the next "
        "token of a language model, to 1e-10 in float64",
        "law: of a linear model each number's weight times its distance from the baseline",
    ),
    evidence={
        "xai/evaluation": (
            "test_the_table_has_controls_and_a_picture_of_the_model_beats_them",
            "test_infidelity_is_nought_for_a_linear_models_contributions_and_one_for_none",
        ),
    },
)

PARTS = 16
"""Into how many squares a side of a picture is cut by default."""


def occlusion(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,
    patch_size: int | None = None,
    baseline: Baseline = "low",
) -> Float[Tensor, "b ..."]:
    """The loss of an output when the part that each number of the input lies in is covered.

    Args:
        model: any module that answers; no gradient is taken.
        x: inputs in the units of the input port, or tokens.
        target: which output to explain, one for all or one each; by default the highest.
        patch_size: side of the squares of a picture, or how many numbers (or tokens) in a row are
            covered together; by default a sixteenth of a picture's side, else one of at most 256.
        baseline: what covers: `low`, the lower bound of the input port (0 where it has none),
            `mean`, the port's mean, a number, or a tensor that fits x. Tokens are covered by the
            padding (token 0 where there is none), or by the token of this number.

    Raises:
        UsageError: an output that the model does not have, or a baseline that does not fit.
    """
    check_takes(model, x)
    x, parts = x.detach(), part_numbers(model, x, patch_size, most=PARTS)
    start = start_of(model, x, baseline) if x.is_floating_point() else covered(model, x, baseline)
    with evaluating(model), torch.no_grad():
        targets = targets_of(model, x, target, rows_at_once(x))
    asked = Parts(model, x, targets, parts, start[None])
    whole, each = torch.ones(1, asked.count).bool(), ~torch.eye(asked.count).bool()
    lost = asked.values(whole) - asked.values(each)
    return lost[:, parts].to(x.dtype if x.is_floating_point() else lost.dtype)
