"""One shirt among a hundred other clothes: which loss ranks the rare class better."""

import torch

from cartograd.core.build import build
from cartograd.data.dataset.dataset import Split
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import answers, dataset, few, train

CLAIM = Claim(
    id="focal-imbalance",
    place="loss/focal",
    en="Focal loss helps under class imbalance",
    zh="Focal 适用于类别不平衡",
    hypothesis="MLPs 128-64 tell shirts from the other nine classes of Fashion-MNIST, trained for "
    "10 epochs on 40 shirts among 4000 others. The average precision for shirts, among the 10,000 "
    "test images, is higher with focal loss (gamma 2) than with cross-entropy.",
    rule=("mean focal - cross-entropy > 0",),
    seeds=10,
    data="fashion-mnist",
    draw=("cross-entropy", "focal"),
    axes=("average precision of the rare class", ""),
)
SHIRT = 6


def measure(seed: int, /) -> Measured:
    """Average precision with either loss, from the same start on the same images."""
    from sklearn.metrics import average_precision_score

    data = dataset("fashion-mnist")
    whole, test = _shirts(data.train), _shirts(data.test)
    shirts, others = (whole.select(torch.where(whole.targets == c)[0]) for c in (1, 0))
    rare, common = few(shirts, 40, seed=seed), few(others, 4000, seed=seed)
    stored = torch.cat([rare.stored, common.stored])
    split = Split(stored, torch.arange(4040).lt(40).long(), whole.signature)
    found = {}
    for loss in ("cross-entropy", "focal"):
        torch.manual_seed(seed)
        model = build("mlp:features=784,classes=2,widths=[128,64]")
        train(model, split, seed=seed, epochs=10, loss=loss)
        logits, targets = answers(model, test)
        score = logits[:, 1] - logits[:, 0]
        found[loss] = float(average_precision_score(targets, score))
    return found | {"focal - cross-entropy": found["focal"] - found["cross-entropy"]}


def _shirts(split: Split) -> Split:
    """The same images, with class 1 for shirts and 0 for all else."""
    return Split(split.stored, (split.targets == SHIRT).long(), split.signature)
