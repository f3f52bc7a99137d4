"""Texts with slips of the pen: letters swapped, left out, doubled, and in the wrong case.

>>> generator = torch.Generator().manual_seed(0)
>>> slipped("a map of deep learning", 0.2, generator) == "a map of deep learning"
False
>>> slipped("a map", 0.0, generator)
'a map'
"""

import torch

SHARES = (0.01, 0.03, 0.06, 0.12, 0.25)
"""Of the letters, by severity."""


def slipped(text: str, share: float, generator: torch.Generator, /) -> str:
    """The text with about that share of its letters wrong."""
    letters = list(text)
    hit = torch.rand(len(letters), generator=generator) < share
    which = torch.randint(4, (len(letters),), generator=generator).tolist()
    for at in hit.nonzero()[:, 0].tolist():
        if which[at] == 0 and at + 1 < len(letters):
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        elif which[at] == 1:
            letters[at] = ""
        elif which[at] == 2:
            letters[at] *= 2
        else:
            letters[at] = letters[at].swapcase()
    return "".join(letters) or text
