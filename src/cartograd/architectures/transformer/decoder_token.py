"""A single token after others, by a decoder in inference form, with as few calls as there can be.

As `one_token` does for a LLaMA. A window is the part of the memory that is in it, so that a layer
with one does less; queries carry the scale of attention (and the cap's) in their rotation.

    h = s (x * w),   s = 1 / sqrt(mean x^2 + eps);   softmax(cap tanh(q k^T)) v;   with a sink z the
    answer is multiplied by sigmoid(log sum_j exp(fit_j) - z)

Shapes: features `1 d`; keys and values `b h s d`.

References:
    Reiner Pope et al. Efficiently scaling transformer inference. 2022, MLSys 2023.
    https://arxiv.org/abs/2211.05102
    Guangxuan Xiao et al. Efficient streaming language models with attention sinks. 2023, ICLR 2024.
    https://arxiv.org/abs/2309.17453
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from cartograd.architectures.transformer.cache import Cache, Layer
from cartograd.architectures.transformer.decoder_form_layer import FormLayer
from cartograd.architectures.transformer.one_token import into

Call = tuple[
    FormLayer, str, Callable[[Tensor, Tensor], object], Callable[[Tensor, Tensor], object],
    Callable[[Tensor, Tensor], object],
]  # fmt: skip
"""A layer, its letter, and its products of a single row: inward, outward, feed-forward."""


class DecoderToken:
    """Reads one token of one row at a time; it belongs to one decoder, as its memory does.

    Args:
        layers: of the form.
        reach: a letter for each.
        heads, groups, width: heads of queries, those of keys, and the features of one.
        eps: added under the root of the norms.
        window: how far layers with one see.
        scale: factor on the scores.
        attention_cap: their bound, or None.
    """

    def __init__(
        self, layers: Sequence[FormLayer], reach: str, heads: int, groups: int, width: int,
        eps: float, /, *, window: int | None, scale: float, attention_cap: float | None,
    ):  # fmt: skip
        self.layers, self.reach, self.heads, self.groups = layers, reach, heads, groups
        self.width, self.eps, self.window, self.cap = width, eps, window, attention_cap
        self.scale = scale if self.cap is None else scale / self.cap
        self.calls = list[Call]()

    def __call__(
        self, x: Float[Tensor, "1 d"], turns: Mapping[str, Complex[Tensor, "1 d2"]], cache: Cache, /
    ) -> Float[Tensor, "1 d"]:
        """The features behind all layers, in x itself.

        Args:
            x: the embedding of the token.
            turns: the rotations of its position, by a layer's letter; of others, none.
            cache: has room for it.
        """
        if not self.calls:
            self._prepare(x)
        spins = {letter: self._spin(turns.get(letter)) for letter in set(self.reach)}
        plain = cache.scale is None and cache.paged is None
        kept = self._kept(cache) if plain else self._joint(cache)
        for layer, letter, inward, outward, part in self.calls:
            inward(self._before(x, layer.norm1), self.joint)
            layer.norm_both(self.asking, self.heads)
            self.spun.mul_(spins[letter])
            self._attend(*next(kept), layer.sinks)
            outward(self.answer, self.more)
            self._add(x, layer.after1)
            part(self._before(x, layer.norm2), self.more)
            self._add(x, layer.after2)
        if plain:
            for layer in cache.layers:
                assert isinstance(layer, Layer)
                layer.room(1)
        return x

    def normed(self, x: Float[Tensor, "1 d"], weight: Float[Tensor, " d"], /) -> Tensor:
        """Root-mean-square norm of a row, in memory that is written again."""
        return torch.addcmul(self.zero, x, weight, value=self._size(x), out=self.hidden)

    def _size(self, x: Tensor) -> float:
        flat = x.view(-1)
        return (flat.dot(flat).item() / x.shape[1] + self.eps) ** -0.5

    def _before(self, x: Tensor, weight: Tensor | None) -> Tensor:
        return x if weight is None else self.normed(x, weight)

    def _add(self, x: Tensor, weight: Tensor | None) -> None:
        """What a part has written, through the norm behind it, if there is one."""
        if weight is None:
            x.add_(self.more)
        else:
            x.addcmul_(self.more, weight, value=self._size(self.more))

    def _attend(self, k: Tensor, v: Tensor, sinks: Tensor | None) -> None:
        fits = torch.bmm(self.query, k)
        if self.cap is not None:
            fits.tanh_().mul_(self.cap)
        torch.bmm(torch.softmax(fits, 2), v, out=self.seen)
        if sinks is not None:
            spent = fits.logsumexp(2).sub_(sinks.view(self.groups, -1)).sigmoid_()
            self.seen.mul_(spent[..., None])

    def _prepare(self, x: Tensor) -> None:
        heads, groups, d = self.heads, self.groups, self.width
        self.zero, self.hidden, self.more = x.new_zeros(x.shape), x.clone(), x.clone()
        self.joint = x.new_empty(1, (heads + 2 * groups) * d)
        self.spun = self.joint.view(torch.complex64)
        self.asking = self.joint[0, : (heads + groups) * d].view(heads + groups, d)
        self.query = self.joint[0, : heads * d].view(groups, heads // groups, d)
        self.new = self.joint[0, heads * d :].view(2 * groups, d)
        self.answer = x.new_empty(1, heads * d)
        self.seen = self.answer.view(groups, heads // groups, d)
        self.still = torch.ones(1, d // 2, dtype=torch.complex64, device=x.device)
        for layer, letter in zip(self.layers, self.reach, strict=True):
            self.calls.append((
                layer, letter, into(layer.inward), into(layer.outward), layer.part.single(x),
            ))  # fmt: skip

    def _spin(self, turn: Tensor | None) -> Tensor:
        """Of queries with the scale of attention, of keys, and of values, which stay."""
        heads, groups = self.heads, self.groups
        turn = self.still if turn is None else turn.view(1, -1)
        parts = [(turn * self.scale, heads), (turn, groups), (self.still, groups)]
        return torch.cat([own.expand(count, -1) for own, count in parts]).view(1, -1)

    def _kept(self, cache: Cache) -> Iterator[tuple[Tensor, Tensor]]:
        """Keys, transposed, and values of each layer, after the new ones have been written."""
        position, groups = cache.length, self.groups
        for row, letter in zip(cache.all[:, 0].unbind(), self.reach, strict=True):
            row[:, position].copy_(self.new)
            part = row[:, self._first(letter, position + 1) : position + 1]
            yield part[:groups].transpose(1, 2), part[groups:]

    def _joint(self, cache: Cache) -> Iterator[tuple[Tensor, Tensor]]:
        """The same of a cache in eight bits, or in pages."""
        for layer, letter in zip(cache.layers, self.reach, strict=True):
            whole = layer.joint(self.new[None, :, None])[0]
            k, v = whole[:, self._first(letter, whole.shape[1]) :].chunk(2)
            yield k.transpose(1, 2), v

    def _first(self, letter: str, length: int) -> int:
        """Where what a layer sees of so many tokens begins."""
        return max(0, length - self.window) if self.window and letter in "wm" else 0
