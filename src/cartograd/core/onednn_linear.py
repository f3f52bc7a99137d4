"""Linear layers by oneDNN, in inference and in training, where that is faster.

On a processor torch multiplies float32 matrices by MKL, which leaves half the width of some AMD
processors' vector registers unused; oneDNN, which comes with torch for its convolutions, does not.
Within `OnednnLinear()` the large linear layers of any model go there, if this process finds the
answers right (see `core.kernels`) and the time shorter; else they stay torch's. In training the
three products of a layer do: outputs, and the gradients of inputs and of weights. Only rounding
differs. The detour costs a microsecond or two for each function of torch that a model calls
(LeNet-5: 140 -> 170 us), so models without a large layer do not take it.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode

from cartograd.core.kernels import Choice, right
from cartograd.core.wrapped import is_wrapped

LARGE = 2**24
"""Least multiplications of a layer that is computed by oneDNN."""
WEIGHTS = 2**17
"""Least weights of a layer for which the detour pays."""
ROWS, SIDE = 256, 512
"""Shape of the product that is measured."""
WORTHWHILE = 0.8
"""Share of torch's time under which oneDNN is taken."""
TASK = "large linear layers"


def onednn_linear(*models: Any) -> AbstractContextManager[object]:
    """Within the block large linear layers without gradients are computed by oneDNN, if faster."""
    return OnednnLinear() if large(*models) else nullcontext()


def large(*models: Any) -> bool:
    """Whether any of some models has a linear layer for which the detour pays.

    Sizes are looked at, not weights: that of a spectral norm moves when it is read.
    """
    return any(
        isinstance(part, nn.Linear) and part.in_features * part.out_features >= WEIGHTS
        for model in models
        if isinstance(model, nn.Module)
        for part in model.modules()
    )


class OnednnLinear(TorchFunctionMode):
    """Within the block oneDNN computes large linear layers in float32 on the CPU.

    Layers that are being traced stay torch's.

    Args:
        learns: compute those that need a gradient, too; else they stay torch's.
    """

    def __init__(self, *, learns: bool = False) -> None:
        super().__init__()
        self.learns = learns

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is F.linear and not kwargs and _fits(*args):
            if not torch.is_grad_enabled():
                if faster(torch.get_num_threads()):
                    return _onednn(*args)
            elif self.learns and forward_ad._current_level < 0:
                return _Learned.apply(*args, *[None] * (3 - len(args)))
        return func(*args, **(kwargs or {}))


class _Learned(torch.autograd.Function):
    """A product whose gradients are products of oneDNN, too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _onednn(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        rows, columns = grads[0].flatten(0, -2), x.flatten(0, -2)
        # A gradient that is differentiated again is made of functions that can be.
        product = F.linear if torch.is_grad_enabled() else _onednn
        need = ctx.needs_input_grad
        return (
            product(rows.contiguous(), weight.t()).view_as(x) if need[0] else None,
            product(rows.t().contiguous(), columns.t()) if need[1] else None,
            rows.sum(0) if need[2] else None,
        )


def _fits(x: Any, weight: Any, *_: Any) -> bool:
    return (
        type(x) is Tensor
        and type(weight) in (nn.Parameter, Tensor)
        and x.dtype == weight.dtype == torch.float32
        and x.device.type == weight.device.type == "cpu"
        and weight.ndim == 2
        and x.ndim > 1
        and x.numel() * len(weight) >= LARGE
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not is_wrapped(x)
        and not is_wrapped(weight)
    )


@cache
def faster(threads: int, /) -> bool:
    """Whether oneDNN is correct, and faster than torch's choice, on so many threads."""
    return exact() and share(threads) < WORTHWHILE


@cache
def learns_faster(threads: int, /) -> bool:
    """The same of a layer's three products in training."""
    return exact() and share_of_learning(threads) < WORTHWHILE


@cache
def exact() -> bool:
    """Whether oneDNN's products are correct on this processor, however matrices lie in memory."""
    with torch.inference_mode():
        return torch.backends.mkldnn.is_available() and all(
            right(product, rows=(1, 33)) for product in (_onednn, _turned)
        )


@cache
def share(threads: int, /) -> float:
    """The share of torch's time that oneDNN takes, on so many threads."""
    del threads  # only a key
    x, weight = _measured()
    with torch.inference_mode():
        ours, theirs = (_seconds(lambda f=f: f(x, weight)) for f in (_onednn, F.linear))
    return ours / theirs


@cache
def share_of_learning(threads: int, /) -> float:
    """The same of a layer's outputs and both gradients."""
    del threads  # only a key
    x, weight = (number.requires_grad_() for number in _measured())
    grad = torch.ones(ROWS, SIDE, dtype=torch.float32)

    def learned(product: Callable[..., Tensor]) -> object:
        return torch.autograd.grad(product(x, weight, None), (x, weight), grad)

    with torch.enable_grad():
        ours, theirs = (_seconds(lambda f=f: learned(f)) for f in (_Learned.apply, F.linear))
    return ours / theirs


def choice() -> Choice:
    """What multiplies large matrices in inference and in training on this machine."""
    ours, theirs = "oneDNN", "torch's linear"
    if not exact():
        return Choice(TASK, theirs, theirs, "oneDNN is wrong or missing here")
    threads = torch.get_num_threads()
    chosen = [ours if taken(threads) else theirs for taken in (faster, learns_faster)]
    words = chosen[0] if len({*chosen}) == 1 else f"{chosen[0]}, in training {chosen[1]}"
    reason = (
        f"both are exact; oneDNN takes {share(threads):.2f} of torch's time, in training "
        f"{share_of_learning(threads):.2f}"
    )
    return Choice(TASK, words, theirs, reason)


def _measured() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, SIDE, generator=draw, dtype=torch.float32)
    return x, torch.randn(SIDE, SIDE, generator=draw, dtype=torch.float32)


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


def _turned(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The same of a weight that lies in memory as its transpose, as a gradient's does."""
    return _onednn(x, weight.t().contiguous().t(), bias)


def _seconds(work: Callable[[], object]) -> float:
    """The shortest of a few times."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
