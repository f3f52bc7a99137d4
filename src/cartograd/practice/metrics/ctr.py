"""Click-through rate: of the items that are shown, the share that is clicked.

Each user is shown a list of the k items that score highest. What the user is known to have taken
next stands for a click (of MovieLens a rating of 4 and more), so nobody was asked: an item that was
never rated is no click, though it may have been liked.

    CTR@k = clicks / (k users),    CVR@k = users with a click / users

Shapes: outputs (n, items), the scores; targets (n), the item taken, or (n, items), 1 where taken.

Departures: none.

References:
    Matthew Richardson, Ewa Dominowska, Robert Ragno. Predicting clicks: estimating the
    click-through rate for new ads. WWW 2007. https://doi.org/10.1145/1242572.1242643
    Edwin Wilson. Probable inference, the law of succession, and statistical inference. JASA 22,
    1927 (the interval). https://doi.org/10.1080/01621459.1927.10502953

>>> import torch
>>> scores = torch.tensor([[0.9, 0.5, 0.1], [0.2, 0.9, 0.3]])
>>> ctr(scores, torch.tensor([1, 0]), k=2)
0.25
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import given

CARD = Card(
    name="ctr",
    kind="metric",
    entry="ctr",
    nodes=("metric/ctr-cvr",),
    title="Click-through rate",
    zh="点击率",
    short="CTR",
    better="higher",
    unit="%",
    paper="Predicting clicks: estimating the click-through rate for new ads",
    year=2007,
    url="https://doi.org/10.1145/1242572.1242643",
    proofs=(
        "law: clicks are those counted one by one, and the interval is Wilson's of them",
        "law: a recommender trained on ratings reports it beside NDCG",
    ),
    tiny={"k": 1},
    evidence={"metric/ctr-cvr": ("test_a_recommender_reports_ndcg_and_clicks",)},
)


def ctr(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /, *, k: int = 10
) -> float:
    """The share of shown items that are clicked.

    Args:
        outputs: a score for each item; minus infinity for one that is not to be shown.
        targets: the number of the item taken, or 1 for each that was.
        k: how many items are shown to each.

    Raises:
        UsageError: scores and items do not belong together.
    """
    return weighed(outputs, targets, given.ones(outputs), k=k).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
    *,
    k: int = 10,
) -> Float[Tensor, " b"]:
    """The mean under each weighting of the users."""
    return given.mean(weights, clicks(outputs, targets, k=k).double() / min(k, outputs.shape[1]))


def limits(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    k: int = 10,
    level: float = 0.95,
) -> tuple[float, float]:
    """Wilson's interval: each item shown is a trial."""
    from cartograd.practice.metrics.interval import wilson

    found = clicks(outputs, targets, k=k)
    return wilson(int(found.sum()), len(found) * min(k, outputs.shape[1]), level=level)


def clicks(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /, *, k: int
) -> Int[Tensor, " n"]:
    """How many of the first `k` items of each user are clicked.

    Raises:
        UsageError: scores and items do not belong together.
    """
    outputs, targets = outputs.detach().cpu(), targets.detach().cpu()
    if targets.ndim == 1 and outputs.ndim == 2 and not targets.is_floating_point():
        outputs, targets = given.classes(outputs, targets)
        targets = F.one_hot(targets, outputs.shape[1])
    if outputs.ndim != 2 or outputs.shape != targets.shape or not outputs.numel():
        raise UsageError(
            f"scores {tuple(outputs.shape)} and items {tuple(targets.shape)} do not belong "
            "together; expected (n, items) of both, or the number of one item for each (n)"
        )
    shown = outputs.topk(min(k, outputs.shape[1]), 1)
    taken = (targets.gather(1, shown.indices) > 0) & (shown.values > -torch.inf)
    return taken.sum(1)
