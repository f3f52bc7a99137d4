"""How long several models take for one example, asked in turns so that all meet one machine."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from cartograd.core.eval_mode import inferring
from cartograd.core.signed import Signed
from cartograd.practice.deployment.in_turns import Spent, in_turns


def latency_in_turns(models: Sequence[Signed], x: tuple[Tensor, ...], /) -> list[Spent]:
    """What each model takes, and how many times as long as the first one.

    Args:
        models: the first is what the others are compared with.
        x: one example.
    """
    with inferring(*models):
        return in_turns([partial(model, *x) for model in models])
