"""Rows said backwards by an encoder-decoder, with attention and without, by their length."""

import torch
from torch import Tensor, nn

from cartograd.architectures.seq2seq.encoder_decoder import EncoderDecoder
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.training.losses.cross_entropy import cross_entropy

CLAIM = Claim(
    id="attention-bottleneck",
    place="attention/bahdanau",
    en="Attention removes the fixed-vector bottleneck",
    zh="注意力解决信息瓶颈",
    hypothesis="Two encoder-decoders of 64 units, one with attention, learn to say rows of 2 to 24 "
    "of eight symbols backwards, 1200 steps of 64 fresh rows of one length. On new rows the share "
    "of right symbols, the right ones before it given, is at least 0.99 with attention at every "
    "length; without it the share falls, and the gain is larger in the longer half of the lengths "
    "than in the shorter half by at least 0.1.",
    rule=("mean least with attention >= 0.99", "mean gain, longer - shorter > 0.1"),
    seeds=3,
    remark="Said backwards, nothing is to be learned but what was read, so the vector between the "
    "two is all that limits. Of real translations the acceptance rows `translation-spanish` and "
    "`translation-chinese` print what attention gains by length.",
    draw=("without", "with attention"),
    axes=("symbols to say backwards", "share of symbols right"),
)
KINDS = {"without": "none", "with attention": "general"}
SYMBOLS, LONGEST = 8, 24
BEGIN = SYMBOLS
STEPS, RATE = 1200, 3e-3


def measure(seed: int, /) -> Measured:
    """The share of right symbols by length, with attention and without."""
    lengths = list(range(2, LONGEST + 1, 2))
    right: dict[str, list[float]] = {}
    for name, attention in KINDS.items():
        torch.manual_seed(seed)
        model = EncoderDecoder(
            vocabulary=SYMBOLS + 1, classes=SYMBOLS + 1, attention=attention, dim=64
        )
        _learn(model, torch.Generator().manual_seed(seed))
        test = torch.Generator().manual_seed(seed + 1000)
        right[name] = [_right(model, length, test) for length in lengths]
    gains = [a - b for a, b in zip(right["with attention"], right["without"], strict=True)]
    half = len(gains) // 2
    shorter, longer = sum(gains[:half]) / half, sum(gains[half:]) / half
    return {
        "least with attention": min(right["with attention"]),
        "gain, shorter": shorter,
        "gain, longer": longer,
        "gain, longer - shorter": longer - shorter,
    } | {name: Curve(lengths, shares) for name, shares in right.items()}


def _drawn(rows: int, length: int, draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Rows, what the decoder reads, and what it is to say."""
    source = torch.randint(SYMBOLS, (rows, length), generator=draw)
    wanted = source.flip(1)
    return source, torch.cat([torch.full((rows, 1), BEGIN), wanted[:, :-1]], 1), wanted


def _learn(model: nn.Module, draw: torch.Generator) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        length = int(torch.randint(2, LONGEST + 1, (), generator=draw))
        source, target, wanted = _drawn(64, length, draw)
        optimizer.zero_grad()
        cross_entropy(model(source, target), wanted).mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def _right(model: nn.Module, length: int, draw: torch.Generator) -> float:
    """The share of right symbols in 256 new rows."""
    source, target, wanted = _drawn(256, length, draw)
    with torch.inference_mode():
        return (model(source, target).argmax(2) == wanted).float().mean().item()
