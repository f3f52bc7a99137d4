"""Feature squeezing: an attacked input is answered otherwise once its finest details are gone.

What a picture shows stays when pixels are rounded or smoothed; what an attack has added does not.

    score(x) = max over squeezers s   |softmax f(x) - softmax f(s(x))|_1

Squeezers are few levels of grey and the median of squares of pixels; of inputs that are no
pictures the levels alone.

Shapes: inputs `n ...` within bounds; scores `n`.

Departures: the paper adds non-local means for pictures in colour.

References:
    Weilin Xu, David Evans, Yanjun Qi. Feature squeezing: detecting adversarial examples in deep
    neural networks. NDSS 2018. https://arxiv.org/abs/1704.01155

>>> median(torch.tensor([[[[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]]), 2).sum()
tensor(0.)
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.poisoning import Suspicion
from cartograd.core.signed import signature_if_any
from cartograd.frontier.inputs import rows_at_once
from cartograd.frontier.security.detectors.calibrated import check_judged, limit
from cartograd.frontier.security.gain import logits

CARD = Card(
    name="feature-squeezing",
    kind="detector",
    entry="feature_squeezing",
    nodes=("defense/detection",),
    title="Feature squeezing",
    zh="特征压缩检测",
    paper="Feature squeezing: detecting adversarial examples in deep neural networks",
    year=2018,
    url="https://arxiv.org/abs/1704.01155",
    proofs=(
        "oracle: the median filter is scipy.ndimage.median_filter's, of squares of odd side",
        "law: inputs that no squeezer changes score 0, and none scores above 2; attacked digits "
        "are told from clean ones, clean ones not from clean ones",
    ),
    tiny={"size": 2},
    evidence={"defense/detection": ("test_attacked_inputs_are_detected",)},
)


def feature_squeezing(
    model: nn.Module,
    x: Float[Tensor, "n ..."],
    y: Int[Tensor, " n"],
    trusted: tuple[Tensor, Tensor],
    /,
    *,
    levels: int = 8,
    size: int = 2,
) -> Suspicion:
    """How far answers move when details are gone.

    Args:
        model: gives logits.
        x: inputs to judge.
        y: not needed.
        trusted: inputs that are known to be clean, and their classes.
        levels: of grey that are left.
        size: side of the squares whose median is taken; 1 takes none.

    Raises:
        UsageError: the inputs are no real numbers within bounds.
    """
    check_judged(model, x, y, trusted)
    signature = signature_if_any(model)
    bounds = signature.input.bounds if signature else None
    if not x.is_floating_point() or bounds is None:
        raise UsageError(
            "feature-squeezing rounds numbers between bounds, and these inputs have none; "
            "mahalanobis needs no bounds"
        )

    def score(x: Tensor) -> Tensor:
        return _moved(model, x, bounds, levels, size)

    scores, usual = score(x), score(trusted[0].to(x))
    return Suspicion(scores, scores > limit(usual), calibrated=True)


@torch.no_grad()
def _moved(
    model: nn.Module, x: Tensor, bounds: tuple[float, float], levels: int, size: int
) -> Float[Tensor, " n"]:
    """By how much the most moving squeezer changes the answer."""
    low, high = bounds
    found = []
    with evaluating(model):
        for part in x.split(rows_at_once(x)):
            shares = (part - low) / (high - low)
            squeezed = [low + (high - low) * (shares * (levels - 1)).round() / (levels - 1)]
            if part.ndim == 4 and size > 1:
                squeezed.append(median(part, size))
            said = [logits(model, one).softmax(1) for one in (part, *squeezed)]
            apart = [(one - said[0]).abs().sum(1) for one in said[1:]]
            found.append(torch.stack(apart).amax(0))
    return torch.cat(found).float().cpu()


def median(x: Float[Tensor, "b c y x"], size: int, /) -> Float[Tensor, "b c y x"]:
    """Each pixel as the (lower) median of a square around it; edges are mirrored."""
    before, after = size // 2, (size - 1) // 2
    wide = F.pad(x, (before, after, before, after), mode="reflect")
    squares = wide.unfold(2, size, 1).unfold(3, size, 1)
    return squares.flatten(4).median(dim=4).values
