"""CRNN: reads a line of text from its picture, without cutting it into characters.

Convolutions turn the picture into a row of vectors, one for each few columns of pixels. Two LSTMs
that read the row from both ends put each into its context, and a dense layer says at each step
which character it sees, or none. CTC does the rest: in training it finds out which step belongs to
which character, in use it puts repeats together.

    v_1 ... v_T = mean over height of vgg(x)      h = W [lstm(v), lstm'(v)], twice
    z_t = U h_t + c                               text = ctc(z_1 ... z_T)

Shapes: pictures `b c y x` of at least 32 rows and 8 columns; logits `b t k` with a step for about
each 4 columns, class 0 the blank.

Departures: as EasyOCR's second generation, whose weights fit: half of the paper's channels or less,
the height left over is averaged, each LSTM is followed by a dense layer.

References:
    Baoguang Shi, Xiang Bai, Cong Yao. An end-to-end trainable neural network for image-based
    sequence recognition and its application to scene text recognition. 2015.
    https://arxiv.org/abs/1507.05717

>>> import torch
>>> with torch.device("meta"):
...     model, line = CRNN(), torch.empty(1, 1, 64, 200)
>>> sum(weight.numel() for weight in model.parameters()), model(line).shape
(3781345, torch.Size([1, 49, 97]))
"""

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.rnn.lstm import recurrence
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="crnn",
    kind="model",
    entry="CRNN",
    nodes=("rnn/bidirectional", "rnn/stacked", "cnn/conv"),
    title="CRNN (text recognition)",
    zh="CRNN 文字识别网络",
    paper="An end-to-end trainable neural network for image-based sequence recognition",
    year=2015,
    url="https://arxiv.org/abs/1507.05717",
    proofs=(
        "oracle: the same layers of torch put together by hand, outputs and gradients to 1e-10 in "
        "float64",
        "law: it learns to read short words exactly",
        "paper: 3,781,345 parameters with EasyOCR's 97 classes",
    ),
    tiny={"width": 4, "dim": 6, "channels": 1, "classes": 4},
    objective="ctc",
)

SMALLEST = (32, 8)
"""The fewest rows and columns that leave something to read."""


class CRNN(nn.Module):
    """A reader of lines of text.

    Args:
        channels: of the picture.
        classes: characters, and the blank.
        width: channels of the first convolution; the last has eight times as many.
        dim: features of the LSTMs, in each direction.
    """

    def __init__(self, *, channels: int = 1, classes: int = 97, width: int = 32, dim: int = 256):
        super().__init__()
        wide = 8 * width
        self.features = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(2 * width, 4 * width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(4 * width, 4 * width, 3, padding=1), nn.ReLU(), nn.MaxPool2d((2, 1)),
            nn.Conv2d(4 * width, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide), nn.ReLU(),
            nn.Conv2d(wide, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide), nn.ReLU(),
            nn.MaxPool2d((2, 1)),
            nn.Conv2d(wide, wide, 2), nn.ReLU(),
        )  # fmt: skip
        self.context = nn.Sequential(Context(wide, dim), Context(dim, dim))
        self.head = nn.Linear(dim, classes)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b t k"]:
        """Logits for each step.

        Raises:
            UsageError: the picture is too small.
        """
        if x.shape[2] < SMALLEST[0] or x.shape[3] < SMALLEST[1]:
            raise UsageError(
                f"crnn: a picture of {x.shape[3]} x {x.shape[2]} pixels is too small to be read; "
                f"expected at least {SMALLEST[1]} x {SMALLEST[0]}"
            )
        steps = self.features(x).mean(2).transpose(1, 2)
        return self.head(self.context(steps))


class Context(nn.Module):
    """An LSTM in both directions, and a dense layer that brings them together."""

    def __init__(self, features: int, dim: int, /):
        super().__init__()
        self.rnn = recurrence(features, dim, bidirectional=True)
        self.linear = nn.Linear(2 * dim, dim)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t v"]:
        """Each step in its context."""
        return self.linear(self.rnn(x))
