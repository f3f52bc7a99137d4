"""A layer of a decoder with fused weights: its norms, its products, its feed-forward part.

    hidden = act(g) * u,   [g u] = C x;   y = D hidden;   of experts sum_(i in top) p_i y_i

Shapes: positions `n d`, one a row.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.transformer.experts import Clamped, Experts, chosen, clamped, mixed
from cartograd.architectures.transformer.feed_forward import ACTIVATIONS
from cartograd.architectures.transformer.few_part import FewPart
from cartograd.architectures.transformer.few_tokens import FewLayer
from cartograd.architectures.transformer.inference_form import (
    Maker,
    in_pairs,
    norm_of,
    paired,
    product_of,
)
from cartograd.architectures.transformer.one_token import into

NAMES = {F.silu: "silu", ACTIVATIONS["geglu"][0]: "gelu-tanh"}
"""Gates that a compiled step has, by activation."""

Gate = Callable[[Tensor, Tensor], Tensor]
"""From gates and inputs to hidden features; the gates may be overwritten."""


class FormLayer:
    """What a layer of a decoder is made of in inference form.

    Args:
        block: a `DecoderBlock` with its weights.
        turned: how many features of each head are turned; all if None.
        product: makes the products.
        scores: makes that of a router.

    Attributes:
        norm1, after1, norm2, after2: weights of the norms around both parts, None where there is
            none.
        inward, outward: the joint product of queries, keys and values, and that of the output.
        sinks: the scores to spend on nothing, or None.
        part: the feed-forward part.
    """

    def __init__(self, block: Any, turned: int | None, product: Maker, scores: Maker, /):
        attention, inner = block.attention, block.feed_forward
        self.norm1, self.after1 = _weight(block.attention_norm), _weight(block.attention_after)
        self.norm2, self.after2 = (
            _weight(block.feed_forward_norm),
            _weight(block.feed_forward_after),
        )
        parts = [attention.query, attention.key, attention.value]
        self.inward = product_of(parts, paired(attention, turned), product)
        self.outward = product_of([attention.out], None, product)
        self.sinks = None if attention.sinks is None else _floats(attention.sinks)
        self._norms(attention, turned)
        experts = isinstance(inner, Experts)
        self.part = Mixed(inner, product, scores) if experts else Gated(inner, product)

    def _norms(self, attention: Any, turned: int | None) -> None:
        """The norms of queries and keys, whose weights go by the order of pairs."""
        self.per_head, self.both = attention.per_head, None
        if attention.query_norm is None:
            return
        self.floor = norm_of(attention.query_norm)[1]
        order = in_pairs(attention.width, turned)
        rows = []
        for norm, layer in (
            (attention.query_norm, attention.query), (attention.key_norm, attention.key),
        ):  # fmt: skip
            heads = layer.out_features // attention.width
            weight = norm_of(norm)[0].view(-1, attention.width)
            rows.append(weight[:, order.to(weight.device)].expand(heads, -1))
        self.both = torch.cat(rows)

    def few(self, turn: str, window: int | None, /) -> FewLayer:
        """The same for a compiled step.

        Args:
            turn: the letter of its rotations.
            window: how far it sees, or None.
        """
        norms = self.norm1, self.after1, self.norm2, self.after2
        return FewLayer(
            self.inward, self.outward, self.part.few(), norms, both=self.both,
            apart=self.per_head, sinks=self.sinks, turn=turn, window=window,
        )  # fmt: skip

    def norm_both(self, both: Float[Tensor, "... h d"], heads: int, /) -> None:
        """Norm queries, and the keys behind them, in place."""
        if self.both is None:
            return
        if self.per_head:
            torch.mul(F.rms_norm(both, both.shape[-1:], None, self.floor), self.both, out=both)
            return
        for part, weight in (
            (both[..., :heads, :], self.both[:heads]), (both[..., heads:, :], self.both[heads:]),
        ):  # fmt: skip
            part.copy_(F.rms_norm(part, part.shape[-2:], weight, self.floor))


class Gated:
    """A feed-forward part with a gate, of two products.

    Args:
        part: a `FeedForward` or an expert.
        product: makes the products.
    """

    def __init__(self, part: Any, product: Maker, /):
        self.wide = product_of([part.gate, part.up], None, product)
        self.down = product_of([part.down], None, product)
        one = isinstance(part, Clamped)
        self.gate: Gate = clamped if one else _by(part.activation)
        self.gate_name = "clamped" if one else NAMES.get(part.activation, "")
        self.inner = part.up.out_features

    def __call__(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """New features of each position."""
        return self.down(self.gate(*self.wide(x).chunk(2, 1)))

    def single(self, x: Float[Tensor, "1 d"], /) -> Callable[[Tensor, Tensor], object]:
        """What writes the answer for a row like x into another, with memory of its own."""
        inner = torch.empty_like(self.wide(x))
        gate, up = inner.chunk(2, 1)
        wide, down, act = into(self.wide), into(self.down), self.gate

        def made(row: Tensor, answer: Tensor) -> None:
            wide(row, inner)
            down(act(gate, up), answer)

        return made

    def few(self) -> FewPart:
        """The same for a compiled step, where it has a name."""
        return FewPart([(self.wide, self.down)], self.inner, self.gate_name)


class Mixed:
    """Experts, with the products of each apart.

    Args:
        part: `Experts`.
        product: makes the products of the experts.
        scores: makes that of the router.
    """

    def __init__(self, part: Experts, product: Maker, scores: Maker, /):
        self.router = product_of([part.router], None, scores)
        self.k, self.normalised = part.k, part.normalised
        self.experts = [Gated(expert, product) for expert in part.experts]
        self.gate_name = self.experts[0].gate_name

    def __call__(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """New features of each position."""
        weights, which = chosen(self.router(x), self.k, normalised=self.normalised)
        return mixed(x, weights, which, self.experts)

    def single(self, x: Float[Tensor, "1 d"], /) -> Callable[[Tensor, Tensor], object]:
        """What writes the answer for a row like x into another; experts are prepared when asked."""
        ways: dict[int, Callable[[Tensor, Tensor], object]] = {}
        one = torch.empty_like(x)

        def made(row: Tensor, answer: Tensor) -> None:
            weights, which = chosen(self.router(row), self.k, normalised=self.normalised)
            answer.zero_()
            for share, number in zip(weights[0].tolist(), which[0].tolist(), strict=True):
                if number not in ways:
                    ways[number] = self.experts[number].single(row)
                ways[number](row, one)
                answer.add_(one, alpha=share)

        return made

    def few(self) -> FewPart:
        """The same for a compiled step."""
        first, parts = self.experts[0], [(one.wide, one.down) for one in self.experts]
        return FewPart(parts, first.inner, first.gate_name, self.router, self.k, self.normalised)


def normed(x: Float[Tensor, "n d"], weight: Tensor | None, eps: float, /) -> Float[Tensor, "n d"]:
    """Root-mean-square norm of each row, or the rows themselves where there is none."""
    return x if weight is None else F.rms_norm(x, x.shape[-1:], weight, eps)


def _by(activation: Callable[[Tensor], Tensor]) -> Gate:
    if activation is F.silu:
        return lambda gate, up: F.silu(gate, inplace=True).mul_(up)
    return lambda gate, up: activation(gate).mul_(up)


def _floats(weight: Tensor) -> Tensor:
    return weight.detach().float().contiguous()


def _weight(norm: nn.Module) -> Tensor | None:
    return None if isinstance(norm, nn.Identity) else norm_of(norm)[0]
