"""Outlines that small networks draw, by Dice's and by Jaccard's coefficient."""

from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import dataset, few

CLAIM = Claim(
    id="dice-jaccard",
    place="metric/dice",
    en="Dice and Jaccard order models alike",
    zh="Dice 与 Jaccard",
    hypothesis="Eight networks of two convolutions, of 1, 2, 4 and 8 maps after 10 and 40 steps, "
    "mark the pixels that belong to a piece of clothing in 300 test images under noise. For each "
    "image Dice's coefficient D and Jaccard's J are counted from the pixels: D = 2J / (1 + J) to "
    "1e-12, and no two of the networks are ordered otherwise by one than by the other.",
    rule=("every gap of the identity < 1e-12", "every share of images in another order <= 0"),
    seeds=5,
    data="fashion-mnist",
    remark="Image by image it cannot be otherwise, for one grows with the other. Means over images "
    "can order two models differently: they did for one pair of 28 with two of the five seeds.",
    draw=("share of models in another order", "share of images in another order"),
    axes=("share of pairs", ""),
)
MAPS, STEPS = (1, 2, 4, 8), (10, 40)


def measure(seed: int, /) -> Measured:
    """How far the identity is from exact, and pairs in another order by image and in the mean."""
    data = dataset("fashion-mnist")
    learned, tested = few(data.train, 400, seed=seed).inputs, few(data.test, 300, seed=seed).inputs
    seen = _noisy(tested)
    marks = [mark for maps in MAPS for mark in _marked(maps, learned, seen)]
    counted = [_counts(mark, tested > 0) for mark in marks]
    dice = torch.stack([2 * both / (one + other) for both, one, other in counted])
    jaccard = torch.stack([both / (one + other - both) for both, one, other in counted])
    pairs = list(combinations(range(len(marks)), 2))
    otherwise = [_signs(dice, pair) != _signs(jaccard, pair) for pair in pairs]
    means = dice.mean(1, keepdim=True), jaccard.mean(1, keepdim=True)
    models = [_signs(means[0], pair) != _signs(means[1], pair) for pair in pairs]
    return {
        "gap of the identity": (dice - 2 * jaccard / (1 + jaccard)).abs().max().item(),
        "share of images in another order": torch.stack(otherwise).double().mean().item(),
        "share of models in another order": torch.stack(models).double().mean().item(),
        "Dice of the best": means[0].max().item(),
        "Dice of the worst": means[0].min().item(),
    }


def _signs(values: Tensor, pair: tuple[int, int]) -> Tensor:
    """Which of two networks is better, by image: 1, 0 or -1."""
    return (values[pair[0]] - values[pair[1]]).sign()


def _counts(mark: Tensor, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """By image, the pixels of both, of the mark, and of the right one; one more for each."""
    both = (mark & right).flatten(1).sum(1).double()
    return both + 1, mark.flatten(1).sum(1) + 1.0, right.flatten(1).sum(1) + 1.0


def _noisy(images: Tensor) -> Tensor:
    """Half as bright, under noise."""
    return images / 2 + 0.3 * torch.randn(images.shape)


def _marked(maps: int, learned: Tensor, seen: Tensor) -> list[Tensor]:
    """The pixels that a network marks, after each number of steps."""
    model = nn.Sequential(
        nn.Conv2d(1, maps, 5, padding=2), nn.ReLU(), nn.Conv2d(maps, 1, 5, padding=2)
    )
    optimizer, found = torch.optim.Adam(model.parameters(), lr=0.01), []
    for step in range(1, max(STEPS) + 1):
        rows = torch.randint(len(learned), (32,))
        answers = model(_noisy(learned[rows]))
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(answers, (learned[rows] > 0).float()).backward()
        optimizer.step()
        if step in STEPS:
            with torch.no_grad():
                found.append(model(seen) > 0)
    return found
