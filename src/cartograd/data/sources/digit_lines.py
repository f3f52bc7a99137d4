"""Lines of handwritten digits: three to five of the embedded digits side by side, to be read.

Each digit is enlarged to 32 pixels and stands 24 to 34 pixels after the one before, so that some
touch or overlap. Digits of the training lines are never in the others.

Shapes: inputs `n 1 32 176` with pixels in [0, 1]; targets `n 5`: each digit plus one, since 0 is
CTC's blank, and -100 after the last.

References:
    E. Alpaydin, C. Kaynak. Optical recognition of handwritten digits. UCI, 1998 (the digits).
    https://doi.org/10.24432/C50P49

>>> data = digit_lines(examples=40)
>>> data.train.inputs.shape, data.train.targets.shape
(torch.Size([40, 1, 32, 176]), torch.Size([40, 5]))
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Examples, Split
from cartograd.data.dataset.plan import generator
from cartograd.data.dataset.tensors import assemble
from cartograd.data.sources.digits import digits

CARD = Card(
    name="digit-lines",
    kind="data",
    entry="digit_lines",
    title="Lines of handwritten digits",
    zh="手写数字串（整行识别）",
    paper="Alpaydin & Kaynak, Optical Recognition of Handwritten Digits",
    year=1998,
    url="https://doi.org/10.24432/C50P49",
    proofs=("law: each line holds its digits, in order, where its length says",),
)

FEWEST, MOST = 3, 5
"""Digits of a line."""

STEPS = (24, 34)
"""Pixels from one digit to the next."""

SIDE = 32
"""Pixels of an enlarged digit."""


def digit_lines(*, examples: int = 2000, seed: int = 0) -> Dataset:
    """Lines of digits.

    Args:
        examples: lines for training; a fifth as many for validation, and for the test.
        seed: of what stands where.

    Raises:
        UsageError: that is too few for each part to have one.
    """
    if examples < MOST:
        raise UsageError(f"examples={examples} is out of range; expected at least {MOST}")
    source = digits()
    labels = ("", *source.signature.output.labels)
    signature = Signature(
        (Port("line", "image", (1, SIDE, (MOST - 1) * STEPS[1] + SIDE + 8), bounds=(0.0, 1.0)),),
        (Port("digits", "label", ("t", len(labels)), labels=labels, task="ctc"),),
    )
    parts = {"train": examples, "valid": examples // 5, "test": examples // 5}
    splits = {
        part: _lines(getattr(source, part), count, signature, seed, part)
        for part, count in parts.items()
    }
    return assemble("digit-lines", splits, about=source.about)


def _lines(digit: Examples, count: int, signature: Signature, seed: int, part: str) -> Split:
    draw = generator(seed, "digit-lines", part)
    every = digit.select(range(len(digit)))
    large = F.interpolate(every.inputs, (SIDE, SIDE), mode="bilinear", align_corners=False)
    chosen = torch.randint(len(digit), (count, MOST), generator=draw)
    lengths = torch.randint(FEWEST, MOST + 1, (count,), generator=draw)
    steps = torch.randint(STEPS[0], STEPS[1] + 1, (count, MOST), generator=draw)
    width = signature.input.dims[-1]
    assert isinstance(width, int)
    lines = torch.zeros(count, 1, SIDE, width)
    for row, (which, length, ahead) in enumerate(zip(chosen, lengths, steps, strict=True)):
        left = 4
        for number, step in zip(which[:length].tolist(), ahead.tolist(), strict=False):
            under: Tensor = lines[row, :, :, left : left + SIDE]
            lines[row, :, :, left : left + SIDE] = torch.maximum(under, large[number])
            left += step
    targets = every.targets[chosen] + 1
    targets = targets.masked_fill(torch.arange(MOST) >= lengths[:, None], -100)
    return Split(lines, targets, signature)
