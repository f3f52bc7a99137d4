"""Eager attention: the formula, where that trains faster than torch's fused kernel.

On a CPU the kernel's backward pass has no fast products in half precision: 8 rows of 8 heads, 128
tokens and 32 features, forward and backward, take it 21 ms and the formula 6 (one core, AVX-512
bf16, torch 2.13). Nor does it support dropout. In float32 without dropout, and without gradients,
the kernel is faster. The formula keeps all attention weights, so it is for short sequences.

    y = softmax(q k^T scale + bias) v

Shapes: queries `b h t d`, keys and values `b h s d`, of fewer heads where groups share them.

Departures: the weights are made in float32 and rounded to the values' type before they are used; a
query whose keys are all masked gets zeros. The gradients are written out, too:

    dv = w^T dy     df = w (dw - sum_s w dw), dw = dy v^T     dq = df k     dk = df^T q

so that weights are kept once, in their rounded type, and masked in place (the same sizes: 12 -> 6
ms; with dropout 13 -> 10).

References:
    Ashish Vaswani et al. Attention is all you need. NeurIPS 2017. https://arxiv.org/abs/1706.03762
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cartograd.core.kernels import Choice
from cartograd.core.wrapped import learns_plainly
from cartograd.training.regularization.dropout import factors, thinned

SHORT = 512
"""Keys up to which the formula is faster: training in half precision or with dropout on a CPU."""

TASK = "attention in training"


def learns_faster(q: Tensor, s: int, dropout: float, /) -> bool:
    """Whether to train by the formula, for these queries and so many keys."""
    if q.device.type != "cpu" or s > SHORT or not (q.requires_grad and torch.is_grad_enabled()):
        return False
    halves = (torch.bfloat16, torch.float16)
    return dropout > 0 or q.dtype in halves or torch.is_autocast_enabled("cpu")


def choice(device: torch.device, /) -> Choice:
    """What attention trains by on a device, in half precision or with dropout."""
    kernel = "torch's kernel"
    if device.type != "cpu":
        return Choice(TASK, kernel, kernel, f"it is the faster one on {device.type}")
    reason = "the kernel has no fast gradients in half precision and no dropout"
    return Choice(TASK, f"the formula, up to {SHORT} keys", kernel, reason)


def eager_attention(
    q: Float[Tensor, "b h t d"],
    k: Float[Tensor, "b h1 s d"],
    v: Float[Tensor, "b h1 s d1"],
    /,
    *,
    seen: Bool[Tensor, "b1 h2 t1 s"] | None = None,
    bias: Float[Tensor, "b2 h3 t2 s"] | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "b h t d1"]:
    """The formula of attention, product by product; the weights are made in float32 at least.

    Args:
        q: queries.
        k: keys.
        v: values.
        seen: True where a query attends.
        bias: added to the scaled scores.
        scale: factor on the scores; `d ** -0.5` if not given.
        dropout: probability that an attention weight is set to zero.
    """
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
    q = q * (q.shape[3] ** -0.5 if scale is None else scale)
    if torch.is_autocast_enabled(q.device.type):
        q, k, v = (x.to(torch.get_autocast_dtype(q.device.type)) for x in (q, k, v))
    with torch.autocast(q.device.type, enabled=False):
        given = [x for x in (q, k, v, bias, seen) if x is not None]
        if not learns_plainly(*given) or len({q.dtype, k.dtype, v.dtype}) > 1:
            return thinned(_weights(q, k, bias, seen).to(v.dtype), dropout) @ v
        like = v.new_empty(*q.shape[:3], k.shape[2])
        return _Attended.apply(q, k, v, bias, seen, factors(like, dropout) if dropout else None)


class _Attended(torch.autograd.Function):
    """The formula with its gradients: few passes over the weights, which are kept once."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, seen: Tensor | None,
        noise: Tensor | None,
    ) -> Tensor:  # fmt: skip
        weights = _weights(q, k, bias, seen, inplace=True)
        ctx.save_for_backward(q, k, v, bias, seen, noise, weights)
        return (weights if noise is None else weights * noise) @ v

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        q, k, v, bias, seen, noise, weights = ctx.saved_tensors
        if torch.is_grad_enabled():  # to be differentiated again: the weights follow from q and k
            weights = _weights(q, k, bias, seen)
        kept = weights if noise is None else weights * noise
        slopes = grads[0] @ v.mT
        slopes = slopes if noise is None else slopes * noise
        fits = torch._softmax_backward_data(slopes, weights, 3, weights.dtype)  # pyright: ignore[reportPrivateImportUsage]
        learned = ctx.needs_input_grad[3]
        return (
            fits @ k,
            fits.mT @ q,
            kept.mT @ grads[0],
            fits.sum_to_size(bias.shape).to(bias.dtype) if bias is not None and learned else None,
            None,
            None,
        )


def _weights(
    q: Tensor, k: Tensor, bias: Tensor | None, seen: Tensor | None, *, inplace: bool = False
) -> Tensor:
    """The softmax of the fits, computed in float32 at least and rounded to the type of the keys."""
    fill = Tensor.masked_fill_ if inplace else Tensor.masked_fill
    fits = q @ k.mT
    if bias is not None:
        fits = fits + bias
    if seen is None:
        return fits.softmax(3).to(k.dtype)
    weights = fill(fits, ~seen, torch.finfo(fits.dtype).min).softmax(3).to(k.dtype)
    blind = ~seen.any(3, keepdim=True)  # gets zeros, and its gradient is no NaN
    return fill(weights, blind, 0.0) if not inplace or blind.any() else weights
