"""A convolutional, a recurrent and an attending network of 24,000 weights over rows of features."""

import torch
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.feed_forward import FeedForward

FAMILIES = {"CNN": 38, "LSTM": 54, "Transformer": 32}
"""Features of a step, so that the weights are as many, a tenth apart at most."""


class Family(nn.Module):
    """Causal layers between a map of inputs to features and one of the last step to answers."""

    def __init__(self, family: str, inputs: int, classes: int):
        super().__init__()
        width = FAMILIES[family]
        self.embed, self.head = nn.Linear(inputs, width), nn.Linear(width, classes)
        self.places = nn.Parameter(torch.randn(512, width) / 10)
        self.layers = nn.ModuleList(_layers(family, width))
        self.attends = family == "Transformer"

    def forward(self, x: Tensor) -> Tensor:
        """Answers at the end of the rows `b t d`, or of an image's rows."""
        x = self.embed(x.flatten(0, -3) if x.ndim == 4 else x)
        x = x + self.places[: x.shape[1]] if self.attends else x
        for layer in self.layers:
            x = _applied(layer, x)
        return self.head(x[:, -1])

    def kept(self, x: Tensor) -> int:
        """Numbers that the next step needs of the steps of x before it."""
        count, x = 0, self.embed(x)
        for layer in self.layers:
            if isinstance(layer, Block):
                keys = layer.attention.remembered(layer.attention_norm(x))
                count += sum(one.numel() for one in keys)
            elif isinstance(layer, nn.LSTM):
                count += sum(one.numel() for one in layer(x)[1])
            x = _applied(layer, x)
        return count


def more_kept(family: str) -> float:
    """How many times as much the next step needs after 512 steps as after 64."""
    model = Family(family, 8, 4)
    return model.kept(torch.randn(1, 512, 8)) / model.kept(torch.randn(1, 64, 8))


def image_network() -> nn.Module:
    """The convolutional one over both directions of a digit, with as many weights."""
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 48, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(192, 66), nn.ReLU(), nn.Linear(66, 10),
    )  # fmt: skip


def _layers(family: str, width: int) -> list[nn.Module]:
    if family == "CNN":
        return [nn.Conv1d(width, width, 5) for _ in range(3)]
    if family == "LSTM":
        return [nn.LSTM(width, width, batch_first=True)]
    return [
        Block(
            attention=MultiHeadAttention(dim=width, heads=4),
            feed_forward=FeedForward(dim=width, ffn_dim=4 * width, activation="gelu"),
        )
        for _ in range(2)
    ]


def _applied(layer: nn.Module, x: Tensor) -> Tensor:
    if isinstance(layer, nn.LSTM):
        return layer(x)[0]
    if isinstance(layer, Block):
        return layer(x, causal=True)
    return x + torch.relu(layer(nn.functional.pad(x.mT, (4, 0)))).mT
