"""A classifier that never says yes, where one example in a hundred is a yes."""

import torch

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Measured

CLAIM = Claim(
    id="accuracy-misleads",
    place="metric/accuracy",
    en="Accuracy misleads under imbalance",
    zh="不平衡下准确率误导",
    hypothesis="Of 10,000 examples 1 % are positive, and the answer to all of them is the same: "
    "negative. It is right 99 % of the time, though its recall is 0 and its ROC AUC that of "
    "chance, 0.5.",
    rule=(
        "every accuracy >= 0.99",
        "every recall <= 0",
        "every roc-auc <= 0.5",
        "every roc-auc >= 0.5",
    ),
    exact=True,
    remark="Accuracy says what it says: how often the answer is right. What misleads is to read "
    "it without the 99 % that the commonest class gives for nothing.",
    draw=("accuracy", "balanced accuracy", "roc-auc", "macro f1", "recall"),
    axes=("value", ""),
)


def measure(seed: int, /) -> Measured:
    """Each metric of the constant answer."""
    targets = torch.zeros(10_000, dtype=torch.int64)
    targets[:100] = 1
    outputs = torch.tensor([[2.0, -2.0]]).expand(len(targets), 2)
    found = {name: build(name, kind="metric")(outputs, targets) for name in ("accuracy", "roc-auc")}
    by_class = [build("accuracy")(outputs[targets == k], targets[targets == k]) for k in (0, 1)]
    return found | {
        "recall": by_class[1],
        "balanced accuracy": sum(by_class) / 2,
        "macro f1": build("f1:average=macro")(outputs, targets),
    }
