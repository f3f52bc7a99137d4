"""One kind of clothes among a hundred others, each kind in its turn: which loss ranks it better."""

from functools import cache

import torch
from torch import Tensor

from cartograd.core.build import build
from cartograd.data.dataset.dataset import Split
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import answers, dataset, few, train
from cartograd.evidence.rates import Best, best_rate

CLAIM = Claim(
    id="focal-imbalance",
    place="loss/focal",
    en="Focal loss helps under class imbalance",
    zh="Focal 适用于类别不平衡",
    hypothesis="MLPs of 64 units tell one of the ten classes of Fashion-MNIST from the other nine, "
    "by 20 examples of it among 2000 others, each class in its turn; the task is the unit. Either "
    "loss, focal with gamma 2 and cross-entropy, at the rate of AdamW whose mean average precision "
    "over three classes, by a seed that is not counted and on images of the training part that "
    "were not learned from, is best, on a grid that goes on where the best is at its edge. Over "
    "the ten tasks the mean average precision on 5000 test images is higher with focal loss.",
    rule=("tasks focal - cross-entropy > 0",),
    requires=("every best rates inside >= 1",),
    seeds=2,
    first=100,
    data="fashion-mnist",
    axes=("average precision of the rare class", ""),
)
LOSSES = ("cross-entropy", "focal")
RARE, COMMON, EPOCHS, TUNING = 20, 2000, 8, 9000
RATES = tuple(10 ** (k / 2) for k in (-7, -6, -5))


def measure(seed: int, /) -> Measured:
    """Average precision with either loss, from the same start on the same images."""
    test = few(dataset("fashion-mnist").test, 5000, seed=0)
    found = {}
    for rare in range(10):
        scores = {loss: _trained(rare, loss, _best(loss).rate, seed, test) for loss in LOSSES}
        found |= {f"{loss}, {rare}": score for loss, score in scores.items()}
        found[f"focal - cross-entropy: {rare}"] = scores["focal"] - scores["cross-entropy"]
    found |= {f"rate of {loss}": _best(loss).rate for loss in LOSSES}
    return found | {"best rates inside": float(all(_best(loss).inside for loss in LOSSES))}


@cache
def _best(loss: str) -> Best:
    held = few(dataset("fashion-mnist").train, 5000, seed=TUNING + 1)
    return best_rate(
        lambda rate: -sum(_trained(rare, loss, rate, TUNING, held) for rare in (2, 4, 6)), RATES
    )


def _trained(rare: int, loss: str, rate: float, seed: int, held: Split) -> float:
    """The average precision of a network for the rare class."""
    from sklearn.metrics import average_precision_score

    torch.manual_seed(seed)
    model = build("mlp:features=784,classes=2,widths=[64]")
    split = _imbalanced(rare, seed)
    train(model, split, seed=seed, epochs=EPOCHS, loss=loss, optimizer=f"adamw:lr={rate}")
    logits, targets = answers(model, _one(held, rare))
    return float(average_precision_score(targets, logits[:, 1] - logits[:, 0]))


def _imbalanced(rare: int, seed: int) -> Split:
    whole = _one(dataset("fashion-mnist").train, rare)
    ours, others = (whole.select(_where(whole.targets == kind)) for kind in (1, 0))
    stored = [few(ours, RARE, seed=seed).stored, few(others, COMMON, seed=seed).stored]
    targets = torch.arange(RARE + COMMON).lt(RARE).long()
    return Split(torch.cat(stored), targets, whole.signature)


def _one(split: Split, rare: int) -> Split:
    """The same images, with class 1 for the rare kind and 0 for all else."""
    return Split(split.stored, (split.targets == rare).long(), split.signature)


def _where(chosen: Tensor) -> Tensor:
    return torch.where(chosen)[0]
