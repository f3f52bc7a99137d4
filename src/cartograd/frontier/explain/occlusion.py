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

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import signature_if_any
from cartograd.frontier.explain.baselines import Baseline, start_of, targets_of
from cartograd.frontier.inputs import answers, check_takes, chosen, rows_at_once

CARD = Card(
    name="occlusion",
    kind="explainer",
    entry="occlusion",
    nodes=("xai/evaluation",),
    missing={"xai/evaluation": "the table of explainers: deletion, complexity, sensitivity"},
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
)

PARTS = 16
"""Into how many parts a side of a picture, or a longer row of numbers, is cut by default."""


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
    x = x.detach()
    start = start_of(model, x, baseline) if x.is_floating_point() else _covered(model, x, baseline)
    rows, found = rows_at_once(x), torch.zeros(x.shape, device=x.device)
    with evaluating(model), torch.no_grad():
        targets = targets_of(model, x, target, rows)
        for place, (one, nothing) in enumerate(zip(x, start, strict=True)):
            own = targets[place : place + 1]
            whole = chosen(answers(model, one[None]), own)
            found = found.to(whole.dtype)
            masks = list(_parts(one.shape, patch_size, one.device))
            for some in (masks[at : at + rows] for at in range(0, len(masks), rows)):
                covered = torch.stack([torch.where(mask, nothing, one) for mask in some])
                lost = whole - chosen(answers(model, covered), own.repeat(len(some)))
                for mask, number in zip(some, lost, strict=True):
                    found[place][mask.expand(one.shape)] = number
    return found


def _parts(shape: torch.Size, patch_size: int | None, device: torch.device) -> Iterator[Tensor]:
    """A mask for each part: squares of all channels of a picture, else numbers in a row."""
    sides = shape[-2:] if len(shape) == 3 else shape[-1:]
    most = PARTS if len(sides) == 2 else PARTS**2
    size = patch_size or max(1, -(-max(sides) // most))
    places = [torch.arange(side, device=device) // size for side in sides]
    for part in torch.cartesian_prod(*(torch.arange(int(at[-1]) + 1) for at in places)):
        own = [at == int(number) for at, number in zip(places, part.reshape(-1), strict=True)]
        yield own[0][:, None] & own[1] if len(own) == 2 else own[0]


def _covered(model: nn.Module, x: Tensor, baseline: Baseline) -> Tensor:
    """The token that covers, in the shape of x."""
    if isinstance(baseline, str) and baseline != "low":
        raise UsageError(
            f"baseline={baseline!r} is none for tokens; expected 'low' (the padding), or the "
            "number of a token"
        )
    signature = signature_if_any(model)
    padding = signature.input.padding_id if signature else None
    if isinstance(baseline, str):
        baseline = padding or 0
    try:
        covered = torch.as_tensor(baseline, device=x.device).to(x.dtype).expand_as(x)
    except RuntimeError as error:
        raise UsageError(
            f"the baseline does not fit tokens of shape {tuple(x.shape)}; expected one token, one "
            "text, or one for each"
        ) from error
    return covered if padding is None else torch.where(x == padding, x, covered)
