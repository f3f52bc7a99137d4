"""Eight explanations of the same answers, ranked by each other and by five measures."""

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

from cartograd.core.signed import Signed
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.explained import EXPLAINERS, alike, explainer, networks, scored
from cartograd.evidence.lab import accuracy, dataset, few, train
from cartograd.frontier.explain.quality.randomisation import rank_correlation

CLAIM = Claim(
    id="explainers-disagree",
    place="xai/evaluation",
    en="Explainers disagree; metrics rank them differently",
    zh="缺乏统一评估标准",
    hypothesis="Three networks (dense, convolutions with mean and with max pooling) learn digits; "
    "eight explainers tell what 60 answers rest on. Spearman's correlation of the sizes of two "
    "explainers' attributions, over the pixels of a picture, is below one half in the mean over "
    "pairs of explainers, pictures and networks; so is that of two measures' orders of the eight "
    "explainers (deletion, insertion, infidelity, max-sensitivity, complexity), in the mean over "
    "pairs of measures and networks. An explainer that draws agrees with itself, drawn anew.",
    rule=("mean agreement of explainers < 0.5", "mean agreement of measures < 0.5"),
    requires=("every explainer drawn anew > 0.9", "every accuracy > 0.9"),
    seeds=5,
    draw=("agreement of explainers", "agreement of measures", "agreement of networks"),
    axes=("Spearman's correlation", ""),
)


def measure(seed: int, /) -> Measured:
    """How far explainers, measures and networks agree."""
    data = dataset("digits")
    x = few(data.test, 60, seed=seed).inputs
    between, scores, again, right = list[float](), list[Tensor](), list[float](), list[float]()
    for network in networks():
        model = Signed(network, data.signature)
        train(model, data.train, seed=seed, epochs=12, optimizer="adamw:lr=3e-3")
        right.append(accuracy(model.eval(), data.test))
        target = model(x).argmax(1)
        explain = [explainer(spec, target) for spec in EXPLAINERS]
        told = [one(model, x) for one in explain]
        pairs = combinations(told, 2)
        between += [alike(one, other) for one, other in pairs]
        other = explainer("smoothgrad:draws=64,seed=1", target)(model, x)
        again.append(alike(told[1], other))
        scores.append(torch.stack([scored(model, x, target, one) for one in explain], 1))
    return {
        "agreement of explainers": sum(between) / len(between),
        "agreement of measures": _mean([_orders(table) for table in scores]),
        "agreement of networks": _mean(
            [_orders(torch.stack(one)) for one in zip(*scores, strict=True)]
        ),
        "explainer drawn anew": min(again),
        "accuracy": min(right),
    }


def _orders(table: Tensor) -> float:
    """The mean correlation of each two rows' orders of the columns."""
    return _mean([
        float(rank_correlation(one[None], other[None])) for one, other in combinations(table, 2)
    ])  # fmt: skip


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
