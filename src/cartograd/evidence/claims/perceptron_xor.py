"""The four corners of XOR, for a perceptron from any start and for a hidden layer."""

from torch import nn

from cartograd.core.build import build
from cartograd.engine.loop.fit import fit
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import accuracy, dataset

CLAIM = Claim(
    id="perceptron-xor",
    place="arch/perceptron",
    en="A perceptron cannot solve XOR; an MLP can",
    zh="感知机无法解决 XOR",
    hypothesis="From 20 random starts a perceptron under Rosenblatt's rule is after none of 50 "
    "epochs right on more than 3 of XOR's 4 corners, while an MLP with 8 hidden units gets all 4 "
    "from most starts. Where a plane separates the classes (margin 0.1) the perceptron stops "
    "making mistakes, after no more than Novikoff's bound.",
    rule=(
        "every perceptron <= 0.75",
        "share mlp solves it > 0.5",
        "every mistakes / bound <= 1",
        "every right on separable data >= 1",
    ),
    seeds=20,
    remark="That no line has XOR's classes on its two sides is proved in a line of algebra; the "
    "experiment shows that the rule circles for ever.",
    draw=("perceptron", "mlp", "mistakes / bound"),
    axes=("share of corners right; mistakes as a share of the bound", ""),
)


def measure(seed: int, /) -> Measured:
    """The most corners of any epoch, those of an MLP, and the mistakes on separable points."""
    corners = dataset("xor:examples=4,noise=0").train
    line = build("perceptron", features=2)
    nn.init.normal_(line.unit.weight)
    nn.init.normal_(line.unit.bias)
    best = 0.0
    for epoch in range(50):
        rule = build("perceptron-rule", model=line)
        fit(rule, corners.batches(batch_size=1), optimizer="sgd:lr=1", epochs=1, seed=epoch)
        best = max(best, accuracy(line, corners))
    mlp = build("mlp", features=2, classes=2, widths=(8,))
    task = build("classify", model=mlp)
    batches = corners.batches(batch_size=4)
    fit(task, batches, optimizer="adamw:lr=0.03", decay="all", epochs=150, seed=seed)
    apart = dataset(f"separable:examples=100,margin=0.1,seed={seed}").train
    model = build("perceptron", features=2)
    rule = build("perceptron-rule", model=model)
    run = fit(rule, apart.batches(batch_size=1), optimizer="sgd:lr=1", epochs=15, seed=seed)
    mistakes = sum(len(apart) * record["train/mistakes"] for record in run.history)
    right = accuracy(mlp, corners)
    return {
        "perceptron": best,
        "mlp": right,
        "mlp solves it": float(right == 1),
        "mistakes / bound": mistakes / (2 / 0.1**2),
        "right on separable data": accuracy(model, apart),
    }
