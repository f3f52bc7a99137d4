"""Normalisation by the statistics of a batch, or by those of the whole set at each step.

Networks of either kind are the same but for whose mean and variance they normalise by in training.
The whole set's are those of the weights as they stand at that step, and the gradient goes through
them as it does through the batch's, so that the noise of the estimate is all that is taken away.
"""

import torch
from torch import Tensor, nn

from cartograd.data.dataset.dataset import Split
from cartograd.engine.loop.fit import fit
from cartograd.training.losses.cross_entropy import cross_entropy
from cartograd.training.normalization.batch_norm import BatchNorm
from cartograd.training.objectives.classify import Classify

EPOCHS, BATCH, WIDTH = 20, 32, 64


class Normalised(nn.Module):
    """A classifier of a set's examples by their numbers, normalised by the batch or by the set."""

    def __init__(self, split: Split, /, *, whole: bool):
        super().__init__()
        self.whole, self.inputs = whole, split.inputs
        layers: list[nn.Module] = [nn.Flatten()]
        for into in (self.inputs[0].numel(), WIDTH):
            layers += [nn.Linear(into, WIDTH), BatchNorm(channels=WIDTH), nn.ReLU()]
        self.net = nn.Sequential(*layers, nn.Linear(WIDTH, 10))

    def forward(self, rows: Tensor) -> Tensor:
        """Logits of these examples."""
        if self.whole:
            return self.net(self.inputs)[rows]
        return self.net(self.inputs[rows])


def losses(
    learned: Split, unseen: Split, /, *, whole: bool, rate: float, seed: int
) -> tuple[float, float]:
    """Of the learned examples and of unseen ones, after training by plain descent.

    Either kind is tested by the statistics of all that it has learned.
    """
    torch.manual_seed(seed)
    model = Normalised(learned, whole=whole)
    numbered = Split(torch.arange(len(learned)), learned.targets, learned.signature, [])
    optimizer = f"sgd:lr={rate}"
    batches = numbered.batches(batch_size=BATCH)
    fit(Classify(model=model), batches, optimizer=optimizer, epochs=EPOCHS, seed=seed, device="cpu")
    with torch.no_grad():
        for layer in model.net:
            if isinstance(layer, BatchNorm):
                layer.decay = 0.0  # what follows takes the last statistics for the running ones
        model.net.train()(learned.inputs)
        model.net.eval()
        answers = (model.net(split.inputs) for split in (learned, unseen))
        targets = (learned.targets, unseen.targets)
        known, new = (
            cross_entropy(logits, y).mean().item()
            for logits, y in zip(answers, targets, strict=True)
        )
    return known, new
