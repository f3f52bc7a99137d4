"""What calls of several networks take, beside each other in one process."""

import time
from collections.abc import Sequence

from torch import Tensor, nn

from cartograd.core.eval_mode import inferring


def least_seconds(models: Sequence[nn.Module], x: Tensor, turns: int, /) -> list[float]:
    """The least processor seconds of each network's calls, in turns after one to warm up.

    Args:
        models: each is called with the same.
        x: what they are called with.
        turns: how often each is called.
    """
    best = [float("inf")] * len(models)
    with inferring(*models):
        for turn in range(turns + 1):
            for place, model in enumerate(models):
                start = time.process_time()
                model(x)
                spent = time.process_time() - start
                best[place] = min(best[place], spent) if turn else best[place]
    return best
