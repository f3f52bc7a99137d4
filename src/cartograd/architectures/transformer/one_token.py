"""A single token after others, with as few calls as there can be.

Each call of torch costs a microsecond or more, and there are thirty layers of them beside products
that are over in twenty. So everything is written into memory that stays, products are asked for
their shorter way (`core.inference.SingleRow`), the norm is one call, queries carry the scale of
attention in their rotation, and values are rotated with queries and keys, by an angle of 0.

    h = s (x * w),   s = 1 / sqrt(mean x^2 + eps);   softmax(q k^T) v by two products for each group

Shapes: features `1 d`; keys and values `b h s d`.

References:
    Reiner Pope et al. Efficiently scaling transformer inference. 2022, MLSys 2023.
    https://arxiv.org/abs/2211.05102
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor

from cartograd.architectures.transformer.cache import Cache, Layer
from cartograd.core.inference import SingleRow

Into = Callable[[Tensor, Tensor], object]
"""Writes the product of its first argument into its second."""


class OneToken:
    """Reads one token of one row at a time; it belongs to one decoder, as its memory does.

    Args:
        layers: of each layer the first norm, the joint product of queries, keys and values, that of
            the output, the second norm, the joint product of gate and up, that of down.
        heads, groups, width: heads of queries, those of keys, and the features of one.
        eps: added under the root of the norms.
    """

    def __init__(
        self, layers: Sequence[tuple[Any, ...]], heads: int, groups: int, width: int, eps: float, /
    ):
        self.layers, self.heads, self.groups, self.width = layers, heads, groups, width
        self.eps, self.calls = eps, list[tuple[Any, ...]]()

    def __call__(
        self, x: Float[Tensor, "1 d"], turn: Complex[Tensor, " d2"], cache: Cache, /
    ) -> Float[Tensor, "1 d"]:
        """The features behind all layers, in x itself.

        Args:
            x: the embedding of the token.
            turn: the rotation of its position.
            cache: has room for it.
        """
        if not self.calls:
            self._prepare(x)
        flat, dim, eps, hidden = x.view(-1), x.shape[1], self.eps, self.hidden
        dot, gated_by, softmax, bmm = flat.dot, F.silu, torch.softmax, torch.bmm
        scores = x.new_empty(self.groups, self.heads // self.groups, cache.length + 1)
        turns = self._turns(turn)
        plain = cache.scale is None and cache.paged is None
        kept = self._kept(cache) if plain else self._joint(cache)
        for norm1, inward, outward, norm2, wide, down in self.calls:
            size = (dot(flat).item() / dim + eps) ** -0.5
            inward(torch.addcmul(self.zero, x, norm1, value=size, out=hidden), self.joint)
            self.spun.mul_(turns)
            k, v = next(kept)
            bmm(self.query, k, out=scores)
            bmm(softmax(scores, 2), v, out=self.seen)
            outward(self.answer, self.more)
            x.add_(self.more)
            size = (dot(flat).item() / dim + eps) ** -0.5
            wide(torch.addcmul(self.zero, x, norm2, value=size, out=hidden), self.inner)
            down(gated_by(self.gate, inplace=True).mul_(self.up), self.more)
            x.add_(self.more)
        if plain:
            for layer in cache.layers:
                assert isinstance(layer, Layer)
                layer.room(1)
        return x

    def normed(self, x: Float[Tensor, "1 d"], weight: Float[Tensor, " d"], /) -> Tensor:
        """Root-mean-square norm of a row."""
        flat = x.view(-1)
        size = (flat.dot(flat).item() / x.shape[1] + self.eps) ** -0.5
        return torch.addcmul(self.zero, x, weight, value=size)

    def _prepare(self, x: Tensor) -> None:
        heads, groups, d = self.heads, self.groups, self.width
        self.zero, self.hidden, self.more = x.new_zeros(x.shape), x.clone(), x.clone()
        self.joint = x.new_empty(1, (heads + 2 * groups) * d)
        self.spun = self.joint.view(torch.complex64)
        self.query = self.joint[0, : heads * d].view(groups, heads // groups, d)
        self.new = self.joint[0, heads * d :].view(2 * groups, d)
        self.answer = x.new_empty(1, heads * d)
        self.seen = self.answer.view(groups, heads // groups, d)
        self.still = torch.ones(groups, d // 2, dtype=torch.complex64, device=x.device)
        for norm1, inward, outward, norm2, gated, down in self.layers:
            self.calls.append((
                norm1[None], into(inward), into(outward), norm2[None], into(gated), into(down),
            ))  # fmt: skip
        first = self.layers[0][4](x)
        self.inner = torch.empty_like(first)
        self.gate, self.up = self.inner.chunk(2, 1)

    def _turns(self, turn: Tensor) -> Tensor:
        heads, groups = self.heads, self.groups
        asked = (turn * self.width**-0.5).expand(heads, -1)
        return torch.cat([asked, turn.expand(groups, -1), self.still]).view(1, -1)

    def _kept(self, cache: Cache) -> Iterator[tuple[Tensor, Tensor]]:
        """Keys, transposed, and values of each layer, after the new ones have been written."""
        position, groups = cache.length, self.groups
        part = cache.all[:, 0, :, : position + 1]
        keys, values = part[:, :groups].transpose(2, 3).unbind(), part[:, groups:].unbind()
        for slot, k, v in zip(part[:, :, position].unbind(), keys, values, strict=True):
            slot.copy_(self.new)
            yield k, v

    def _joint(self, cache: Cache) -> Iterator[tuple[Tensor, Tensor]]:
        """The same of a cache in eight bits, or in pages."""
        for layer in cache.layers:
            k, v = layer.joint(self.new[None, :, None])[0].chunk(2)
            yield k.transpose(1, 2), v


def into(product: Callable[[Tensor], Tensor], /) -> Into:
    """A product that writes its answer where it is told, by its shorter way if it has one."""
    asked: object = product
    own = asked.single() if isinstance(asked, SingleRow) else None
    return (lambda x, y: y.copy_(product(x))) if own is None else own
