"""Linear layers of inference by oneDNN, where that is faster.

On a processor torch multiplies float32 matrices by MKL, which leaves half the width of AMD's vector
registers unused; oneDNN, which comes with torch for its convolutions, does not. Within
`OnednnLinear()` the large linear layers of any model go there, if this process finds the answers
right (see `core.kernels`) and the time shorter; else they stay torch's. Only rounding differs. The
detour costs a microsecond or two for each function of torch that a model calls (LeNet-5: 140 ->
170 us), so models without a large layer do not take it.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cartograd.core.kernels import Choice, right

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
    """Within the block the large linear layers of models are computed by oneDNN, where faster."""
    large = any(
        isinstance(part, nn.Linear) and part.weight.numel() >= WEIGHTS
        for model in models
        if isinstance(model, nn.Module)
        for part in model.modules()
    )
    return OnednnLinear() if large else nullcontext()


class OnednnLinear(TorchFunctionMode):
    """Within the block oneDNN computes large linear layers in float32 on the CPU.

    Layers that need a gradient, or are being traced, stay torch's.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is F.linear and not kwargs and _fits(*args) and faster(torch.get_num_threads()):
            return _onednn(*args)
        return func(*args, **(kwargs or {}))


def _fits(x: Any, weight: Any, *_: Any) -> bool:
    return (
        type(x) is Tensor
        and type(weight) in (nn.Parameter, Tensor)
        and x.dtype == weight.dtype == torch.float32
        and x.device.type == weight.device.type == "cpu"
        and weight.ndim == 2
        and x.ndim > 1
        and x.numel() * len(weight) >= LARGE
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not _mapped(x)
        and not _mapped(weight)
    )


def _mapped(x: Tensor) -> bool:
    """Whether it is a wrapped tensor of `torch.func` (vmap, grad)."""
    return torch._C._functorch.is_functorch_wrapped_tensor(x)  # pyright: ignore[reportAttributeAccessIssue]


@cache
def faster(threads: int, /) -> bool:
    """Whether oneDNN is correct, and faster than torch's choice, on so many threads."""
    return exact() and share(threads) < WORTHWHILE


@cache
def exact() -> bool:
    """Whether oneDNN's products are correct on this processor."""
    with torch.inference_mode():
        return torch.backends.mkldnn.is_available() and right(_onednn, rows=(1, 33))


@cache
def share(threads: int, /) -> float:
    """The share of torch's time that oneDNN takes, on so many threads."""
    del threads  # only a key
    draw = torch.Generator().manual_seed(0)
    x, weight = (
        torch.randn(size, SIDE, generator=draw, dtype=torch.float32) for size in (ROWS, SIDE)
    )
    with torch.inference_mode():
        ours, theirs = (_seconds(lambda f=f: f(x, weight)) for f in (_onednn, F.linear))
    return ours / theirs


def choice() -> Choice:
    """What multiplies large matrices in inference on this machine."""
    ours, theirs = "oneDNN", "torch's linear"
    if not exact():
        return Choice(TASK, theirs, theirs, "oneDNN is wrong or missing here")
    threads = torch.get_num_threads()
    reason = f"both are exact; oneDNN takes {share(threads):.2f} of torch's time"
    return Choice(TASK, ours if faster(threads) else theirs, theirs, reason)


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


def _seconds(work: Callable[[], object]) -> float:
    """The shortest of a few times."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
