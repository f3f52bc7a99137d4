"""The three families side by side, at an equal number of weights, cell by cell of their table."""

import time

import torch
from torch import Tensor, nn

from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.families import FAMILIES, Family, image_network, more_kept
from cartograd.evidence.lab import accuracy, dataset, few, train

CLAIM = Claim(
    id="cnn-rnn-transformer-table",
    place="arch/transformer",
    en="The comparison table of the three families",
    zh="CNN/RNN/Transformer 对比表",
    hypothesis="Three networks of 24,000 weights (a tenth apart at most): three convolutions of 5, "
    "an LSTM, two causal transformer blocks. (1) Image: 300 digits as rows of pixels, where a CNN "
    "of 3x3 filters is to be ahead of the other two. (2) Far cue: which of four tokens began a "
    "row of 64, asked at its end, where the Transformer is to be ahead of both. (3) Reading 512 "
    "steps in training is to take the LSTM longer than the Transformer. (4) Stream: from 64 to "
    "512 steps read, what has to be kept grows for the Transformer and not for the LSTM.",
    rule=(
        "mean image, CNN - LSTM > 0",
        "mean image, CNN - Transformer > 0",
        "mean far cue, Transformer - CNN > 0",
        "mean far cue, Transformer - LSTM > 0",
        "ratio time to read, LSTM / Transformer > 1",
        "every numbers kept, Transformer > 1",
        "every numbers kept, LSTM <= 1",
    ),
    decide="each",
    seeds=4,
    first=100,
    remark="All on one thread: what several cores add is the business of rnn-sequential.",
    draw=("time of CNN", "time of LSTM", "time of Transformer"),
    axes=("steps", "processor seconds of a training step"),
    scale="xy",
)
CUES, LENGTH, STEPS = 4, 64, 150


def measure(seed: int, /) -> Measured:
    """Differences of accuracy, ratios of time, and the seconds by length."""
    image = {name: _image(name, seed) for name in FAMILIES}
    cue = {name: _far_cue(name, seed) for name in FAMILIES}
    lengths = (64, 128, 256, 512)
    times = {name: [_seconds(name, n) for n in lengths] for name in FAMILIES}
    found: dict[str, float | Curve] = {
        "image, CNN - LSTM": image["CNN"] - image["LSTM"],
        "image, CNN - Transformer": image["CNN"] - image["Transformer"],
        "far cue, Transformer - CNN": cue["Transformer"] - cue["CNN"],
        "far cue, Transformer - LSTM": cue["Transformer"] - cue["LSTM"],
        "time to read, LSTM / Transformer": times["LSTM"][-1] / times["Transformer"][-1],
        "numbers kept, Transformer": more_kept("Transformer"),
        "numbers kept, LSTM": more_kept("LSTM"),
    }
    curves = {f"time of {name}": Curve([*map(float, lengths)], times[name]) for name in FAMILIES}
    return found | {f"image, {n}": v for n, v in image.items()} | curves


def _image(family: str, seed: int) -> float:
    """Accuracy on digits: a CNN of two dimensions, the others row by row."""
    data = dataset("digits")
    torch.manual_seed(seed)
    model = image_network() if family == "CNN" else Family(family, 8, 10)
    train(model, few(data.train, 300, seed=seed), seed=seed, epochs=20, optimizer="adamw:lr=3e-3")
    return accuracy(model, data.test)


def _far_cue(family: str, seed: int) -> float:
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    model = Family(family, 2 * CUES, CUES)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(STEPS):
        x, y = _rows(draw)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    x, y = _rows(draw, 1024)
    with torch.inference_mode():
        return (model(x).argmax(1) == y).double().mean().item()


def _rows(draw: torch.Generator, count: int = 64) -> tuple[Tensor, Tensor]:
    cues = torch.randint(CUES, (count,), generator=draw)
    tokens = torch.randint(CUES, 2 * CUES, (count, LENGTH), generator=draw)
    tokens[:, 0] = cues
    return nn.functional.one_hot(tokens, 2 * CUES).float(), cues


def _seconds(family: str, length: int) -> float:
    """Processor seconds of a training step on rows of a length: the quickest of three."""
    model, x, spent = Family(family, 8, 4), torch.randn(8, length, 8), []
    for _ in range(4):
        start = time.process_time()
        model(x).square().mean().backward()
        spent.append(time.process_time() - start)
    return min(spent)
