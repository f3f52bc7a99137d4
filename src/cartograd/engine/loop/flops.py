"""Count the operations of a pass: a multiplication and an addition are two.

Torch's counter also tells in which module each was made, by hooks that do not go together with
`torch.autograd.grad` of what a module was given: a penalty on slopes, as some critics have, could
not be counted. Here all are counted together, and no module gets a hook. Recurrent layers, which
are one kernel on a processor, are counted, too, and the products that oneDNN makes for large layers
(`core.onednn_linear`).

>>> import torch
>>> with flop_counter() as counted:
...     _ = torch.ones(2, 3) @ torch.ones(3, 4)
>>> counted.get_total_flops()
48
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
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
    aten = torch.ops.aten
    known = {
        aten.mkldnn_rnn_layer: _recurrent,
        aten.mkldnn_rnn_layer_backward: _recurrent_back,
        torch.ops.mkldnn._linear_pointwise: _product,
    }
    counter: Any = FlopCounterMode(display=False, custom_mapping=known)
    counter.mod_tracker = Together()
    return counter


def _product(x: Sequence[int], weight: Sequence[int], *_: Any, **__: Any) -> int:
    """Of rows of inputs with each row of the weight."""
    return 2 * prod(x) * weight[0]


def _raw(formula: Any) -> Any:
    """A formula that is given tensors instead of their shapes."""
    formula._get_raw = True
    return formula


@_raw
def _recurrent(x: Tensor, inner: Tensor, outer: Tensor, *_: Any, **__: Any) -> int:
    """Of each step's products with both matrices."""
    rows = x.shape[0] * x.shape[1]
    return 2 * rows * (inner.numel() + outer.numel())


@_raw
def _recurrent_back(*args: Any, **more: Any) -> int:
    """Twice as many: gradients of what was multiplied, and of what with."""
    return 2 * _recurrent(*args, **more)
