"""LLaMA for inference: the same function with fused weights and few calls.

A step of decoding reads every weight once and hardly computes, so two things cost time: bytes, and
at small sizes the calls between the products. Queries, keys and values become one product, gate and
up another; the two numbers of a rotary pair stand side by side and are rotated as a complex number;
keys and values go into the cache together. What a product is (number format, memory format) is an
argument; layers whose weights are rounded already keep their numbers.

    [q k v] = A rms(x);   (q, k) <- (q, k) e^(i t w);   x <- x + B attend(q, k, v)
    [g u] = C rms(x);     x <- x + D (silu(g) * u)

Shapes: tokens `b t`; logits `b t v`.

References:
    Reiner Pope et al. Efficiently scaling transformer inference. 2022, MLSys 2023.
    https://arxiv.org/abs/2211.05102
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import attend
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.cache import Cache, CachedDecoder, check_length
from cartograd.architectures.transformer.few_part import FewPart
from cartograd.architectures.transformer.few_tokens import FewLayer, FewTokens, takes
from cartograd.architectures.transformer.few_tokens_proof import exact
from cartograd.architectures.transformer.one_token import OneToken
from cartograd.core.inference import Scoring, Stackable
from cartograd.core.pages import give_back, trim

LARGE = 1 << 22
"""Bytes of a joint weight from which memory is given back after it."""

Product = Callable[[Tensor], Tensor]
"""From rows `n d` to rows `n d2`, in float32."""

Maker = Callable[[Tensor, Tensor | None], Product]
"""From a weight `d2 d` and a bias to their product."""


class InferenceForm:
    """A LLaMA in inference form; the model it came from is not needed any more.

    Args:
        model: a LLaMA with its weights (which has this form as `inference_form`).
        product: makes the products.
    """

    def __init__(self, model: Any, product: Maker, /):
        first = model.blocks[0]
        assert isinstance(first, Block)
        self.context, self.window = model.context, model.window
        self.groups, self.width = model.kv_heads, model.head_dim
        self.heads = first.attention.query.out_features // self.width
        self.compiled = model.embedding.weight.is_cpu and exact()
        with torch.no_grad():
            self.embedding = model.embedding.weight.detach().float()
            last = model.embedding if model.head is None else model.head
            asked: object = product
            scores = asked.scores if isinstance(asked, Scoring) else product
            self.head = product_of([last], None, scores)
            self.inner = [block.feed_forward.up.out_features for block in model.blocks]
            self.layers = [_layer(block, product) for block in model.blocks]
            self.norm, self.eps = norm_of(model.norm)
        self.speeds = speeds = model.rotary.speeds
        places = torch.arange(model.context, device=speeds.device)[:, None] * speeds
        self.turns = torch.polar(torch.full_like(places, model.rotary.sharpness), places)

    def decoder(
        self, rows: int, capacity: int, /, *, starts: Int[Tensor, " b"] | None = None
    ) -> CachedDecoder:
        """The model in the middle of writing, as `LLaMA.decoder`.

        Raises:
            UsageError: the model cannot read that many tokens.
        """
        check_length(capacity, self.context)
        cache = Cache(
            len(self.layers), rows, self.groups, capacity, self.width, torch.float32,
            self.embedding.device, starts=starts,
        )  # fmt: skip
        sizes = self.heads, self.groups, self.width, self.eps
        one, few = OneToken(self.layers, *sizes), None
        if self.compiled:
            few = FewTokens(self._few(), self.norm, *sizes)
        return CachedDecoder(partial(self._continued, one, few), cache, self._moved)

    def _continued(
        self, one: OneToken, few: FewTokens | None, tokens: Tensor, cache: Cache, last: bool
    ) -> Float[Tensor, "b t v"]:
        if few is not None and tokens.shape[1] == 1 and takes(cache):
            x = F.embedding(tokens[:, 0], self.embedding)
            turns = self.turns[cache.positions(1)].view(-1, self.width // 2)
            return self.head(few(x, {"f": turns}, cache))[:, None]
        if tokens.numel() == 1 and cache.starts is None and not self._beyond(cache):
            x = F.embedding(tokens[0], self.embedding)
            return self.head(
                one.normed(one(x, self.turns[cache.length + cache.ahead], cache), self.norm)
            )[None]
        b, t = tokens.shape
        heads, d = self.heads, self.width
        turned = heads + self.groups
        turns = self.turns[cache.positions(t)].view(-1, t, 1, d // 2)
        mask, alone = cache.mask(t), t == 1 and not self._beyond(cache)
        x = F.embedding(tokens, self.embedding).view(b * t, -1)
        size, eps = x.shape[1:], self.eps
        for (norm1, inward, outward, norm2, gated, down), kept in zip(
            self.layers, cache.layers, strict=True
        ):
            joint = inward(F.rms_norm(x, size, norm1, eps)).view(b, t, turned + self.groups, d)
            torch.view_as_complex(joint[:, :, :turned].unflatten(3, (d // 2, 2))).mul_(turns)
            q, k, v = joint.transpose(1, 2).split((heads, self.groups, self.groups), 1)
            k, v = kept.append(k, v)
            if alone:  # heads that share keys are queries of these
                q = q.reshape(b, self.groups, -1, d)
                y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
            else:
                y = attend(q, k, v, causal=True, mask=mask, window=self.window).transpose(1, 2)
            x.add_(outward(y.reshape(b * t, -1)))
            gate, up = gated(F.rms_norm(x, size, norm2, eps)).chunk(2, 1)
            x.add_(down(F.silu(gate, inplace=True).mul_(up)))
        x = x.view(b, t, -1)[:, -1] if last else x
        return self.head(F.rms_norm(x, size, self.norm, eps)).view(b, -1, len(self.embedding))

    def _few(self) -> list[FewLayer]:
        return [
            FewLayer(
                inward, outward, FewPart([(gated, down)], inner), (norm1, None, norm2, None),
                window=self.window,
            )
            for inner, (norm1, inward, outward, norm2, gated, down)
            in zip(self.inner, self.layers, strict=True)
        ]  # fmt: skip

    def _moved(self, keys: Tensor, by: int) -> Tensor:
        turn = torch.polar(torch.ones_like(self.speeds), by * self.speeds)
        pairs = torch.view_as_complex(keys.unflatten(-1, (-1, 2)).contiguous())
        return torch.view_as_real(pairs * turn).flatten(-2)

    def _beyond(self, cache: Cache) -> bool:
        """Whether the window masks some of the tokens before the next one."""
        full = cache.length >= cache.capacity  # the cache tells of it
        return full or (self.window is not None and cache.length >= self.window)


def _layer(block: nn.Module, product: Maker) -> tuple:
    assert isinstance(block, Block)
    attention, inner = block.attention, block.feed_forward
    norm1, floor1 = norm_of(block.attention_norm)
    norm2, floor2 = norm_of(block.feed_forward_norm)
    assert floor1 == floor2
    return (
        norm1,
        product_of([attention.query, attention.key, attention.value], paired(attention), product),
        product_of([attention.out], None, product),
        norm2,
        product_of([inner.gate, inner.up], None, product),
        product_of([inner.down], None, product),
    )


def paired(attention: Any, turned: int | None = None, /) -> Int[Tensor, " n"]:
    """Queries, keys and values in one, the two of each rotary pair beside each other.

    Args:
        attention: with its three projections.
        turned: of each head's features, the first so many are turned; all if not given.
    """
    rows = attention.query.out_features + attention.key.out_features
    heads = torch.arange(rows).unflatten(0, (-1, attention.width))
    pairs = heads[:, in_pairs(attention.width, turned)].flatten()
    return torch.cat([pairs, torch.arange(rows, rows + attention.value.out_features)])


def in_pairs(width: int, turned: int | None = None, /) -> Int[Tensor, " n"]:
    """The features of a head in the order in which the two of each rotary pair are neighbours.

    >>> in_pairs(6, 4).tolist()
    [0, 2, 1, 3, 4, 5]
    """
    turned = width if turned is None else turned
    places = torch.arange(width)
    return torch.cat([places[:turned].unflatten(0, (2, -1)).mT.flatten(), places[turned:]])


def product_of(parts: Sequence[Any], order: Tensor | None, product: Maker, /) -> Product:
    """Layers of the same inputs in one; those whose weights are rounded stay so.

    Args:
        parts: linear layers, or an embedding that scores.
        order: of the rows of all, or None.
        product: makes it.
    """
    first = parts[0]
    if isinstance(first, Stackable):
        stacked = first.stacked(parts[1:], order)
        if stacked is not None:
            return stacked
    weights = [part.weight.detach().float() for part in parts]
    biases = [None if isinstance(part, nn.Embedding) else part.bias for part in parts]
    weight, bias = weights[0] if len(weights) == 1 else torch.cat(weights), None
    if any(one is not None for one in biases):
        pairs = zip(weights, biases, strict=True)
        whole = [w.new_zeros(len(w)) if b is None else b.detach().float() for w, b in pairs]
        bias = torch.cat(whole)
    if order is not None:
        order = order.to(weight.device)
        weight, bias = weight[order], None if bias is None else bias[order]
    large, copied = weight.nbytes >= LARGE, len(parts) > 1 or order is not None
    if copied:
        _give_back(parts)
    made = product(weight, bias)
    del weights, weight
    _give_back(parts)
    if large:
        trim()  # what was only joined to be made into something else
    return made


def _give_back(parts: Sequence[Any]) -> None:
    for part in parts:
        give_back(part.weight)


def norm_of(norm: Any, /) -> tuple[Float[Tensor, " d"], float]:
    """Weights and floor of torch's root-mean-square norm."""
    weight = norm.weight.detach().float().contiguous()
    return weight, torch.finfo(weight.dtype).eps if norm.eps is None else norm.eps
