"""Supervised classification: raise the probability of each example's class."""

from torch import nn

from cartograd.core.protocols import Loss


class Supervised(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
        self.players = {"model": model}

    def losses(self, batch):
        x, y = batch
        logits = self.model(x)
        right = (logits.argmax(-1) == y).float()
        loss = nn.functional.cross_entropy(logits, y, reduction="none")
        yield Loss(loss, metrics={"accuracy": right})
