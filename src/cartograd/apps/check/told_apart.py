"""Drift of examples as a whole: whether a classifier can tell those of training from those of test.

Single facts (a length, a brightness) miss what moves together: other words of the same length, an
object at another place. A logistic regression learns from half of both parts which is which, and is
asked about the other halves: of texts by their hashed words and parts of words, of pictures by what
is left of them at 16 pixels. If the parts are alike it is right half of the time.

References:
    David Lopez-Paz, Maxime Oquab. Revisiting classifier two-sample tests. ICLR 2017.
    https://arxiv.org/abs/1610.06545
"""

import numpy as np
import torch
from jaxtyping import Float

from cartograd.apps.check.drift import ALPHA, LEAST
from cartograd.apps.check.looked import Looked
from cartograd.apps.results.data_card import DataFinding
from cartograd.core.errors import UsageError
from cartograd.data.decode.hashed_text import hashed
from cartograd.practice.metrics.two_sample_test import two_sample_test

BUCKETS = 256
"""Places that the words of a text are counted in."""

FEWEST, MOST = 60, 1500
"""Examples of each part at least, and at most."""


def told_apart(seen: Looked, /) -> list[DataFinding]:
    """Whether training and test look unlike as a whole.

    Raises:
        UsageError: nothing can be said, for the reason given.
    """
    from scipy.stats import binom

    if seen.signature.input.kind not in ("text", "image"):
        raise UsageError("only texts and pictures are compared as a whole")
    rows = [np.flatnonzero(seen.part == part)[:MOST] for part in (0, 2)]
    count = min(map(len, rows))
    if count < FEWEST:
        raise UsageError(f"a part has {count} examples, and {FEWEST} are the least")
    sides = [torch.from_numpy(_features(seen, some)) for some in rows]
    share, asked = two_sample_test(sides[0], sides[1]), 2 * (count // 2)
    chance = float(binom.sf(round(share * asked) - 1, asked, 0.5))
    if chance >= ALPHA or share < 0.5 + LEAST:
        return []
    what = "texts" if seen.signature.input.kind == "text" else "pictures"
    told = "below 0.0001" if chance < 1e-4 else f"{chance:.2g}"
    return [
        DataFinding(
            "warn", "drift as a whole",
            f"a classifier tells {what} of training and of test apart: right for {100 * share:.0f} "
            f"% of {asked:,} that it had not seen, where 50 % are chance (by which that has "
            f"probability {told})",
            len(seen), (),
            "take the parts from the same examples, or know that the test asks about others",
            2 * share - 1, 0.0,
        )
    ]  # fmt: skip


def _features(seen: Looked, rows: np.ndarray) -> Float[np.ndarray, "n d"]:
    """What a quick model is given of some examples.

    Raises:
        UsageError: of these data nothing is kept.
    """
    if seen.texts is not None:
        return hashed([seen.texts[row] for row in rows], BUCKETS).astype(np.float64)
    if seen.numbers is None:
        raise UsageError("their texts were not kept")
    return seen.numbers[rows].reshape(len(rows), -1).astype(np.float64)
