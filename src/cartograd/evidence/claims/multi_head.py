"""One head or several of the same total width, on Shakespeare."""

import torch

from cartograd.architectures.transformer.gpt import GPT
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few
from cartograd.evidence.language import learn, loss

CLAIM = Claim(
    id="multi-head",
    place="attention/multi-head",
    en="Several heads beat one at equal width",
    zh="多头捕获不同模式",
    hypothesis="GPTs of two blocks of 64 features, with 1, 4 and 16 heads and hence the same "
    "number of weights, learn Shakespeare byte by byte from windows of 64 for 150 steps. The loss "
    "on unseen plays is lower with four heads than with one.",
    rule=("mean loss with 1 head - 4 > 0",),
    seeds=4,
    data="shakespeare",
    remark="After 150 steps the spread between seeds is larger than what heads are worth; a longer "
    "training is needed to tell.",
    draw=("loss",),
    axes=("heads", "loss in nats"),
    scale="x",
)
HEADS, WINDOW = (1, 4, 16), 64


def measure(seed: int, /) -> Measured:
    """What one head loses against four, and the loss by the number of heads."""
    data = dataset(f"shakespeare:window={WINDOW}")
    test, losses = few(data.test, 512, seed=0), []
    for heads in HEADS:
        torch.manual_seed(seed)
        model = GPT(vocabulary=256, context=WINDOW, dim=64, heads=heads, depth=2, dropout=0.0)
        learn(model, data.train, window=WINDOW, steps=150, seed=seed)
        losses.append(loss(model, test))
    return {
        "loss with 1 head - 4": losses[0] - losses[HEADS.index(4)],
        "loss": Curve([*map(float, HEADS)], losses),
    }
