"""Eager attention: the formula, where that trains faster than torch's fused kernel.

On a CPU the kernel's backward pass has no fast products in half precision: 8 rows of 8 heads, 128
tokens and 32 features, forward and backward, take it 21 ms and the formula 4 (one core, AVX-512
bf16, torch 2.13). Nor does it support dropout. In float32 without dropout, and without gradients,
the kernel is faster. The formula keeps all attention weights, so it is for short sequences.

    y = softmax(q k^T scale + bias) v

Shapes: queries `b h t d`, keys and values `b h s d`, of fewer heads where groups share them.

Departures: the weights are made in float32 and rounded to the values' type before they are used; a
query whose keys are all masked gets zeros.

References:
    Ashish Vaswani et al. Attention is all you need. NeurIPS 2017. https://arxiv.org/abs/1706.03762
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cartograd.core.kernels import Choice
from cartograd.training.regularization.dropout import thinned

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
    fits = (q * (q.shape[3] ** -0.5 if scale is None else scale)) @ k.mT
    if bias is not None:
        fits = fits + bias
    if seen is not None:
        fits = fits.masked_fill(~seen, torch.finfo(fits.dtype).min)
    weights = fits.softmax(3, dtype=torch.promote_types(fits.dtype, torch.float32)).to(v.dtype)
    if seen is not None:  # a fully masked query gets zeros, and its gradient is no NaN
        weights = weights.masked_fill(~seen, 0.0)
    return thinned(weights, dropout) @ v
