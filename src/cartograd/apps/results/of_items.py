"""How a recommender compares with what needs no learning: popularity and item neighbours."""

from torch import Tensor

from cartograd.apps.results.baseline import Beside
from cartograd.core.build import build
from cartograd.core.ports import Signature
from cartograd.data.dataset.dataset import Examples
from cartograd.practice.metrics.paired import difference
from cartograd.practice.yardsticks.popular import rankings


def against_rankings(
    signature: Signature,
    train: Examples,
    asked: Examples,
    outputs: Tensor,
    names: tuple[str, ...],
    /,
) -> tuple[tuple[Beside, ...], str]:
    """The NDCG of a model beside that of both, by paired intervals; nothing on other metrics.

    Args:
        signature: of the model.
        train: users and the items that they took.
        asked: the examples that were answered.
        outputs: the model's scores.
        names: of the metrics that were measured.
    """
    if "ndcg" not in names:
        return (), ""
    measures = {name: build(name, kind="metric") for name in names}
    found = []
    for name, scores in rankings(train, asked).items():
        if scores.shape != outputs.shape:
            return (), f"none: the model orders {signature.output.size} items"
        low, high = difference(measures["ndcg"], scores, outputs, asked.targets)
        figures = {key: float(measure(scores, asked.targets)) for key, measure in measures.items()}
        text = f"{name} (NDCG {figures['ndcg']:.3f}; the difference {low:.3f} to {high:.3f})"
        found.append(Beside(name, "ndcg", low, high, text, figures))
    return tuple(found), f"popularity and item neighbours of {len(train):,} training examples"
