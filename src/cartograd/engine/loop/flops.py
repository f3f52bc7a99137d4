"""Count the operations of a pass: a multiplication and an addition are two.

Torch's counter also tells in which module each was made, by hooks that do not go together with
`torch.autograd.grad` of what a module was given: a penalty on slopes, as some critics have, could
not be counted. Here all are counted together, and no module gets a hook.

>>> import torch
>>> with flop_counter() as counted:
...     _ = torch.ones(2, 3) @ torch.ones(3, 4)
>>> counted.get_total_flops()
48
"""

from typing import Any

from torch.utils.flop_counter import FlopCounterMode


class Together:
    """Stands for the counter's own finder of modules: whatever is done, is done by the whole."""

    parents = frozenset({"Global"})

    def __enter__(self) -> None:
        """Nothing to begin."""

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""


def flop_counter() -> FlopCounterMode:
    """A counter of all operations within its block."""
    counter: Any = FlopCounterMode(display=False)
    counter.mod_tracker = Together()
    return counter
